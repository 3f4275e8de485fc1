// SPDX-License-Identifier: Apache-2.0
#include "engine/image/pull.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "engine/image/bring.h"
#include "engine/image/collect.h"
#include "engine/image/document.h"
#include "engine/image/lease.h"

enum {
    INDEX_DEPTH_MAX = 3
};
#define REPORT_EVERY (100 * TIME_MILLISECOND)

typedef struct Pull {
    const ImagePull *request;
    Images *images;
    Reference reference;
    char *canonical;
    Registry *registry;
    Platform platform;
    Progress progress;
    Bring bring;
    char target[DIGEST_TEXT_SIZE];
} Pull;

/* One blob's download, for the reports. */
typedef struct Download {
    Pull *pull;
    const OciDescriptor *blob;
    Follow *follow; /* NULL: a document */
    const ContentWriter *writer;
    int64_t last;
    bool quiet; /* a config: users know only layers */
} Download;

static int report_download(void *user, uint64_t current) {
    Download *download = user;
    int64_t now = time_monotonic();
    if (download->follow)
        follow_advance(download->follow, download->writer);
    if (progress_stopped(&download->pull->progress))
        return -1;
    if (download->quiet || now - download->last < REPORT_EVERY)
        return 0;
    download->last = now;
    return progress_layer(&download->pull->progress, IMAGE_DOWNLOADING, download->blob->digest,
        (int64_t)current, (int64_t)download->blob->size.value);
}

static int download_once(Download *download, bool *ret_resumed, Error *err) {
    Pull *pull = download->pull;
    const OciDescriptor *blob = download->blob;
    autoptr(ContentWriter) writer = NULL;
    int there =
        content_writer_open(pull->images->content, blob->digest, blob->size.value, &writer, err);
    if (there != 0)
        return there < 0 ? there : 0;
    *ret_resumed = content_writer_offset(writer) > 0;
    download->writer = writer;
    if (download->follow)
        follow_begin(download->follow, writer);
    TRY(registry_get_blob(pull->registry, writer, report_download, download, err));
    if (download->follow)
        follow_advance(download->follow, writer);
    if (!download->quiet)
        progress_layer(&pull->progress, IMAGE_VERIFYING, blob->digest, (int64_t)blob->size.value,
            (int64_t)blob->size.value);
    return content_writer_commit(writer, err);
}

/* What an earlier attempt left may be damaged (a power cut): then once more from the start. */
static int fetch(void *user, const OciDescriptor *blob, Follow *follow, Error *err) {
    bool config = text_equal(blob->media_type, OCI_MEDIA_CONFIG) ||
                  text_equal(blob->media_type, DOCKER_MEDIA_CONFIG);
    Download download = {.pull = user, .blob = blob, .follow = follow, .quiet = config};
    bool resumed = false;
    int code = download_once(&download, &resumed, err);
    if (code == ERROR_CORRUPT && resumed)
        code = download_once(&download, &resumed, err);
    return code;
}

static int report_resolved(Pull *pull) {
    autofree char *familiar = reference_familiar(&pull->reference);
    ImageProgress report = {
        .phase = IMAGE_RESOLVED,
        .reference = pull->canonical,
        .tag = pull->reference.digest ? pull->reference.digest : pull->reference.tag,
        .path = pull->reference.path,
        .familiar = familiar,
    };
    return progress_report(&pull->progress, &report);
}

static void report_done(Pull *pull, bool newer) {
    autofree char *familiar = reference_familiar(&pull->reference);
    autodone(JsonTexts) warnings = {};
    registry_warnings(pull->registry, &warnings);
    ImageProgress report = {
        .phase = IMAGE_DONE,
        .warnings = &warnings,
        .reference = pull->canonical,
        .familiar = familiar,
        .digest = pull->target,
        .newer = newer,
    };
    progress_report(&pull->progress, &report);
}

/* A document that an index names: from the content store if it is there already. */
static int get_child(Pull *pull, const OciDescriptor *child, RegistryManifest *ret, Error *err) {
    Content *content = pull->images->content;
    lease_add_blob(pull->images, pull->canonical, child->digest);
    if (content_has(content, child->digest)) {
        ret->media_type = text_copy(child->media_type);
        memcpy(ret->digest, child->digest, sizeof(ret->digest));
        return content_read(content, child->digest, DOCUMENT_MAX, &ret->body, err);
    }
    TRY(registry_get_manifest(pull->registry, child->digest, ret, err));
    if (ret->body.length != child->size.value)
        return error_set(
            err, ERROR_CORRUPT, "manifest %s has another size than its index says", child->digest);
    if (child->media_type && !text_equal(child->media_type, ret->media_type))
        return error_set(err, ERROR_CORRUPT,
            "manifest %s is sent as %.100s, but its index says %.100s", child->digest,
            ret->media_type, child->media_type);
    return 0;
}

static int no_match(const Pull *pull, Error *err) {
    char platform[PLATFORM_TEXT_SIZE];
    return error_set(err, ERROR_NOT_FOUND,
        "no matching manifest for %s in the manifest list entries",
        platform_format(&pull->platform, platform));
}

/* Follows indexes to the manifest for the platform. */
static int bring_document_tree(Pull *pull, RegistryManifest *document, Brought *ret, Error *err) {
    for (int depth = 0;; depth++) {
        DocumentKind kind;
        TRY(document_classify(document->media_type, &document->body, &kind, err));
        TRY(bring_document(&pull->bring, document->digest, &document->body, err));
        if (kind == DOCUMENT_MANIFEST)
            return bring_manifest(&pull->bring, document->digest, &document->body, ret, err);
        autodone(OciIndex) index = {};
        TRY(document_decode_index(&document->body, &index, err));
        const OciDescriptor *child = platform_choose(&pull->platform, &index);
        if (!child || depth == INDEX_DEPTH_MAX)
            return no_match(pull, err);
        RegistryManifest next = {};
        int code = get_child(pull, child, &next, err);
        registry_manifest_done(document);
        *document = next;
        TRY(code);
    }
}

static int bring_all(Pull *pull, Brought *ret, Error *err) {
    autodone(RegistryManifest) document = {};
    const char *name = pull->reference.digest ? pull->reference.digest : pull->reference.tag;
    TRY(registry_get_manifest(pull->registry, name, &document, err));
    if (report_resolved(pull) < 0)
        return error_set(err, ERROR_CANCELLED, "cancelled");
    memcpy(pull->target, document.digest, sizeof(pull->target));
    /* As Docker: the tag, and the digest that it means now. */
    Reference pinned = pull->reference;
    pinned.digest = pull->target;
    const Reference *names[] = {&pinned, &pull->reference};
    pull->bring.names = names;
    pull->bring.names_n = pull->reference.digest ? 1 : 2;
    pull->bring.target = pull->target;
    return bring_document_tree(pull, &document, ret, err);
}

static int set_up(Pull *pull, Error *err) {
    const ImagePull *request = pull->request;
    TRY(platform_parse(request->platform, &pull->platform, err));
    TRY(reference_parse(request->reference, &pull->reference, err));
    pull->canonical = reference_canonical(&pull->reference);
    if (text_starts(pull->canonical, "docker.io/library/scratch:"))
        return error_set(err, ERROR_INVALID, "'scratch' is a reserved name");
    TRY(registry_open(
        pull->images->registry, &pull->reference, request->credentials, &pull->registry, err));
    pull->bring = (Bring){
        .images = pull->images,
        .progress = &pull->progress,
        .lease = pull->canonical,
        .resumes = true,
        .platform = &pull->platform,
        .platform_wanted = !text_is_empty(request->platform),
        .fetch = fetch,
        .user = pull,
    };
    return 0;
}

/* What came stays for the next attempt, unless it fills the disk. */
static void give_up(Pull *pull, int code) {
    Error ignored;
    if (code != ERROR_EXHAUSTED) {
        lease_end(pull->images, pull->canonical);
        return;
    }
    lease_abandon(pull->images, pull->canonical);
    collect(pull->images, NULL, &ignored);
}

static int run(Pull *pull, char **ret_id, Error *err) {
    Brought brought = {};
    TRY(set_up(pull, err));
    lease_begin(pull->images, pull->canonical);
    int code = bring_all(pull, &brought, err);
    if (code < 0) {
        give_up(pull, code);
        return code;
    }
    autofree char *familiar = reference_familiar(&pull->reference);
    image_event(pull->images, "pull", brought.id, familiar);
    report_done(pull, brought.newer);
    *ret_id = brought.id;
    return 0;
}

int image_pull(Images *images, const ImagePull *request, char **ret_id, Error *err) {
    Pull pull = {.request = request, .images = images};
    progress_init(&pull.progress, request->listener, request->user);
    int code = run(&pull, ret_id, err);
    registry_close(pull.registry);
    reference_done(&pull.reference);
    json_texts_done(&pull.bring.blobs);
    free(pull.canonical);
    progress_done(&pull.progress);
    return code;
}

static int list_tags(Images *images, const ImagePull *request, const Reference *repository,
    JsonTexts *ret, Error *err) {
    autoptr(Registry) registry = NULL;
    TRY(registry_open(images->registry, repository, request->credentials, &registry, err));
    return registry_list_tags(registry, ret, err);
}

static bool has_version(const char *reference) {
    const char *slash = strrchr(reference, '/');
    return strpbrk(slash ? slash : reference, ":@");
}

/* A tag is the registry's word: it is read as strictly as a user's. */
int image_pull_all(Images *images, const ImagePull *request, Error *err) {
    autodone(Reference) repository = {};
    autodone(JsonTexts) tags = {};
    TRY(reference_parse(request->reference, &repository, err));
    if (has_version(request->reference))
        return error_set(err, ERROR_INVALID, "tag can't be used with --all-tags/-a");
    TRY(list_tags(images, request, &repository, &tags, err));
    autofree char *name = reference_name(&repository);
    for (size_t i = 0; i < tags.n; i++) {
        autofree char *tagged = text_format("%s:%s", name, tags.item[i]);
        autofree char *id = NULL;
        ImagePull pull = *request;
        pull.reference = tagged;
        TRY(image_pull(images, &pull, &id, err));
    }
    return 0;
}
