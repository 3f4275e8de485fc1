// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/referrers.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/registry/header.h"
#include "engine/registry/refusal.h"
#include "engine/registry/session.h"
#include "engine/registry/upload.h"

enum {
    INDEX_MAX = 4 << 20,
    PAGES_MAX = 64
};

static int decode(const Text *body, OciIndex *ret, Error *err) {
    autodone(OciIndex) index = {};
    if (json_decode(&oci_index_type, body->data ? body->data : "", body->length, &index, err) < 0)
        return error_prefix(err, "the list of referrers");
    for (size_t i = 0; i < index.manifests.n; i++)
        TRY(digest_check(((OciDescriptor *)index.manifests.item)[i].digest, err));
    *ret = index;
    index = (OciIndex){};
    return 0;
}

/* The tag of the fallback: "sha256-HEX". */
static char *tag_of(const char *digest) {
    char *tag = text_copy(digest);
    tag[strcspn(tag, ":")] = '-';
    return tag;
}

/* The endpoint that takes what is pushed: a mirror's list may be an old one, and putting that back
 * with one more would lose what came between. */
static size_t endpoint_of(Registry *registry) {
    size_t taking = atomic_load(&registry->taking);
    return taking ? taking - 1 : atomic_load(&registry->current);
}

static int list_tagged(Registry *registry, const char *digest, OciIndex *ret, Error *err) {
    autofree char *tag = tag_of(digest);
    autodone(RegistryManifest) document = {};
    int code = session_get_manifest(registry, endpoint_of(registry), tag, &document, err);
    if (code == ERROR_NOT_FOUND)
        return 0;
    return code < 0 ? code : decode(&document.body, ret, err);
}

static void append(OciIndex *to, OciIndex *page) {
    OciDescriptor *item = page->manifests.item;
    for (size_t i = 0; i < page->manifests.n; i++) {
        OciDescriptor *added = json_objects_add(&to->manifests, &oci_descriptor_type);
        *added = item[i];
    }
    page->manifests.n = 0; // they have moved
}

/* Returns 1 when the registry has the API. */
static int list_by_api(Registry *registry, const char *digest, OciIndex *ret, Error *err) {
    size_t endpoint = endpoint_of(registry);
    autofree char *url =
        endpoint_url(&registry->endpoints.item[endpoint], registry->path, "referrers", digest);
    for (int pages = 0; url && pages < PAGES_MAX; pages++) {
        HttpRequest request = {.url = url, .accept = OCI_MEDIA_INDEX, .limit = INDEX_MAX};
        autodone(HttpResponse) response = {};
        autodone(OciIndex) page = {};
        TRY(session_ask(registry, endpoint, &request, &response, err));
        if (response.status == 404 && pages == 0)
            return 0;
        if (response.status != 200)
            return refusal_explain(&response, registry->name, registry->version, err);
        TRY(decode(&response.body, &page, err));
        append(ret, &page);
        char *next = header_next_page(url, response.link);
        free(url);
        url = next;
    }
    return url ? error_set(err, ERROR_EXHAUSTED, "the list of referrers has more than %d pages",
                     PAGES_MAX)
               : 1;
}

static void keep_only(OciIndex *index, const char *artifact_type) {
    OciDescriptor *item = index->manifests.item;
    size_t kept = 0;
    for (size_t i = 0; i < index->manifests.n; i++) {
        if (!artifact_type || text_equal(item[i].artifact_type, artifact_type))
            item[kept++] = item[i];
        else
            json_done(&oci_descriptor_type, &item[i]);
    }
    index->manifests.n = kept;
}

int referrers_list(
    Registry *registry, const char *digest, const char *artifact_type, OciIndex *ret, Error *err) {
    int code = list_by_api(registry, digest, ret, err);
    if (code == 0)
        code = list_tagged(registry, digest, ret, err);
    TRY(code);
    keep_only(ret, artifact_type);
    return 0;
}

/* Of the manifest, as the lists hold it: its artifactType, or else its config's type. */
static void describe(
    const OciManifest *manifest, const char *media_type, const Text *body, OciDescriptor *ret) {
    char digest[DIGEST_TEXT_SIZE];
    digest_of(body->data, body->length, digest);
    ret->media_type = text_copy(media_type);
    ret->digest = text_copy(digest);
    ret->size = (JsonUint){true, body->length};
    ret->artifact_type =
        text_copy(text_is_empty(manifest->artifact_type) ? manifest->config->media_type
                                                         : manifest->artifact_type);
    for (size_t i = 0; i < manifest->annotations.n; i++)
        json_map_set(
            &ret->annotations, manifest->annotations.key[i], manifest->annotations.value[i]);
}

static bool lists(const OciIndex *index, const char *digest) {
    const OciDescriptor *item = index->manifests.item;
    for (size_t i = 0; i < index->manifests.n; i++)
        if (text_equal(item[i].digest, digest))
            return true;
    return false;
}

static int add_to_tag(Registry *registry, const OciManifest *manifest, const char *media_type,
    const Text *body, Error *err) {
    autodone(OciIndex) index = {};
    OciDescriptor own = {};
    TRY(list_tagged(registry, manifest->subject->digest, &index, err));
    describe(manifest, media_type, body, &own);
    bool known = lists(&index, own.digest);
    OciDescriptor *added = known ? &own : json_objects_add(&index.manifests, &oci_descriptor_type);
    *added = own;
    index.schema_version = (JsonUint){true, 2};
    free(index.media_type);
    index.media_type = text_copy(OCI_MEDIA_INDEX);
    autofree char *json = json_encode(&oci_index_type, &index, 0);
    autofree char *tag = tag_of(manifest->subject->digest);
    const Text text = {.data = json, .length = strlen(json)};
    if (known) {
        json_done(&oci_descriptor_type, &own);
        return 0;
    }
    return registry_put_manifest(registry, tag, OCI_MEDIA_INDEX, &text, err);
}

int referrers_add(Registry *registry, const char *media_type, const Text *body, Error *err) {
    autodone(OciManifest) manifest = {};
    autodone(OciIndex) listed = {};
    Error other;
    if (json_decode(&oci_manifest_type, body->data, body->length, &manifest, &other) < 0 ||
        !manifest.subject)
        return 0;
    TRY(digest_check(manifest.subject->digest, err));
    int code = list_by_api(registry, manifest.subject->digest, &listed, err);
    return code == 0 ? add_to_tag(registry, &manifest, media_type, body, err) : code < 0 ? code : 0;
}
