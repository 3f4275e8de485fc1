// SPDX-License-Identifier: Apache-2.0
#include "engine/image/contents.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/image/archive.h"
#include "engine/image/archive_file.h"
#include "engine/image/bring.h"
#include "engine/image/document.h"
#include "engine/image/lease.h"

enum {
    INDEX_DEPTH_MAX = 3
};

/* One image on its way in. */
typedef struct Loading {
    Images *images;
    int tree;
    Platform platform;
    Progress progress;
    Bring bring;
    char *lease;
    Reference *name;
    const Reference **names;
    size_t n;
} Loading;

int archive_take_blob(Content *content, int tree, const OciDescriptor *blob, Error *err) {
    autoclose int fd = -1;
    uint64_t size;
    char digest[DIGEST_TEXT_SIZE];
    autofree char *path = text_format("blobs/sha256/%s", digest_hex(blob->digest));
    TRY(archive_open_file(tree, path, &fd, &size, err));
    if (size != blob->size.value)
        return error_set(err, ERROR_CORRUPT,
            "%s in the archive has %" PRIu64 " bytes instead of %" PRIu64, blob->digest, size,
            blob->size.value);
    TRY(archive_digest_file(fd, digest, err));
    if (!text_equal(digest, blob->digest))
        return error_set(err, ERROR_CORRUPT, "wrong digest: expected %s, the content is %s",
            blob->digest, digest);
    return content_adopt(content, fd, digest, err);
}

/* A Bring's fetch: from the layout's blobs. */
static int fetch(void *user, const OciDescriptor *blob, Follow *follow, Error *err) {
    const Loading *loading = user;
    return archive_take_blob(loading->images->content, loading->tree, blob, err);
}

static int begin(Loading *loading, Images *images, int tree, const Platform *platform, Error *err) {
    char random[17];
    text_random_hex(random, 8);
    *loading = (Loading){.images = images, .tree = tree};
    if (platform)
        loading->platform = *platform;
    else
        TRY(platform_parse(NULL, &loading->platform, err));
    progress_init(&loading->progress, NULL, NULL);
    loading->lease = text_format("load:%s", random);
    loading->bring = (Bring){
        .images = images,
        .progress = &loading->progress,
        .lease = loading->lease,
        .platform = &loading->platform,
        .platform_wanted = platform,
        .fetch = fetch,
        .user = loading,
    };
    lease_begin(images, loading->lease);
    return 0;
}

static void end(Loading *loading, int code) {
    if (code < 0)
        lease_abandon(loading->images, loading->lease);
    for (size_t i = 0; i < loading->n; i++)
        reference_done(&loading->name[i]);
    free(loading->name);
    free(loading->names);
    free(loading->lease);
    json_texts_done(&loading->bring.blobs);
    progress_done(&loading->progress);
}

static int add_name(Loading *loading, const char *text, Error *err) {
    Reference reference = {};
    TRY(reference_parse(text, &reference, err));
    array_append(loading->name, loading->n, reference);
    return 0;
}

static int finish(
    Loading *loading, const char *digest, const Text *manifest, ImageLoaded *ret, Error *err) {
    Brought brought = {};
    loading->names = new_array(const Reference *, loading->n);
    for (size_t i = 0; i < loading->n; i++)
        loading->names[i] = &loading->name[i];
    loading->bring.names = loading->names;
    loading->bring.names_n = loading->n;
    TRY(bring_document(&loading->bring, digest, manifest, err));
    TRY(bring_manifest(&loading->bring, digest, manifest, &brought, err));
    for (size_t i = 0; i < loading->n; i++) {
        autofree char *familiar = reference_familiar(&loading->name[i]);
        json_texts_add(&ret->references, familiar);
    }
    if (loading->n == 0)
        json_texts_add(&ret->ids, brought.id);
    image_event(loading->images, "load", brought.id, NULL);
    free(brought.id);
    return 0;
}

static const char *annotation(const OciDescriptor *descriptor, const char *name) {
    return json_map_find(&descriptor->annotations, name);
}

/* containerd's annotation holds a whole name; the standard one may hold only a tag, which says
 * nothing without a name. */
static const char *name_of(const OciDescriptor *descriptor) {
    const char *whole = annotation(descriptor, "io.containerd.image.name");
    const char *name = annotation(descriptor, "org.opencontainers.image.ref.name");
    if (whole)
        return whole;
    return name && strpbrk(name, "/:") ? name : NULL;
}

/* Follows indexes from the descriptor to the manifest for this machine. */
static int load_tree(Loading *loading, const OciDescriptor *top, ImageLoaded *ret, Error *err) {
    autodone(OciIndex) index = {};
    const OciDescriptor *at = top;
    for (int depth = 0; depth <= INDEX_DEPTH_MAX; depth++) {
        autodone(Text) body = {};
        DocumentKind kind;
        TRY(document_check_descriptor(at, DOCUMENT_MAX, err));
        lease_add_blob(loading->images, loading->lease, at->digest);
        if (!content_has(loading->images->content, at->digest))
            TRY(fetch(loading, at, NULL, err));
        TRY(content_read(loading->images->content, at->digest, DOCUMENT_MAX, &body, err));
        TRY(document_classify(at->media_type, &body, &kind, err));
        if (kind == DOCUMENT_MANIFEST)
            return finish(loading, at->digest, &body, ret, err);
        TRY(bring_document(&loading->bring, at->digest, &body, err));
        OciIndex inner = {};
        TRY(document_decode_index(&body, &inner, err));
        oci_index_done(&index);
        index = inner;
        at = platform_choose(&loading->platform, &index);
        if (!at)
            break;
    }
    char platform[PLATFORM_TEXT_SIZE];
    error_set(err, ERROR_NOT_FOUND, "no matching manifest for %s in the archive",
        platform_format(&loading->platform, platform));
    return error_set_reason(err, PLATFORM_OTHER);
}

static int load_described(Images *images, int tree, const Platform *platform,
    const OciDescriptor *descriptor, ImageLoaded *ret, Error *err) {
    Loading loading;
    TRY(begin(&loading, images, tree, platform, err));
    const char *name = name_of(descriptor);
    int code = name ? add_name(&loading, name, err) : 0;
    if (code == 0)
        code = load_tree(&loading, descriptor, ret, err);
    end(&loading, code);
    return code;
}

/* What to go on with after an image, and in *missed that it is for another platform: which is an
 * error if nothing else is in the archive. */
static int pass_over(int code, int *missed, const Error *err) {
    if (code == ERROR_NOT_FOUND && text_equal(err->reason, PLATFORM_OTHER)) {
        *missed = code;
        return 0;
    }
    return code;
}

static int judge(const ImageLoaded *loaded, int missed) {
    return loaded->references.n + loaded->ids.n > 0 ? 0 : missed;
}

int archive_read_index(int tree, OciIndex *ret, Text *ret_body, Error *err) {
    TRY(archive_read_document(tree, "index.json", DOCUMENT_MAX, ret_body, err));
    return document_decode_index(ret_body, ret, err);
}

static int load_layout(
    Images *images, int tree, const Platform *platform, ImageLoaded *ret, Error *err) {
    autodone(OciIndex) index = {};
    autodone(Text) body = {};
    TRY(archive_read_index(tree, &index, &body, err));
    const OciDescriptor *descriptor = index.manifests.item;
    int missed = 0;
    for (size_t i = 0; i < index.manifests.n; i++) {
        int code = load_described(images, tree, platform, &descriptor[i], ret, err);
        TRY(pass_over(code, &missed, err));
    }
    return judge(ret, missed);
}

/* A file that only its name told apart gets a digest. */
static int take_file(void *user, int fd, const char *digest, Error *err) {
    const Loading *loading = user;
    lease_add_blob(loading->images, loading->lease, digest);
    if (content_has(loading->images->content, digest))
        return 0;
    return content_adopt(loading->images->content, fd, digest, err);
}

static int load_saved(Loading *loading, const SavedImage *saved, ImageLoaded *ret, Error *err) {
    autodone(Text) body = {};
    char digest[DIGEST_TEXT_SIZE];
    for (size_t i = 0; i < saved->tags.n; i++)
        TRY(add_name(loading, saved->tags.item[i], err));
    TRY(archive_make_manifest(loading->tree, saved, take_file, loading, &body, err));
    digest_of(body.data, body.length, digest);
    return finish(loading, digest, &body, ret, err);
}

int archive_read_saved(int tree, SavedImages *ret, Error *err) {
    autodone(Text) body = {};
    TRY(archive_read_document(tree, "manifest.json", DOCUMENT_MAX, &body, err));
    return saved_images_decode(&body, ret, err);
}

static int load_docker(
    Images *images, int tree, const Platform *platform, ImageLoaded *ret, Error *err) {
    autodone(SavedImages) saved = {};
    TRY(archive_read_saved(tree, &saved, err));
    int missed = 0;
    for (size_t i = 0; i < saved.images.n; i++) {
        Loading loading;
        TRY(begin(&loading, images, tree, platform, err));
        int code = load_saved(&loading, (SavedImage *)saved.images.item + i, ret, err);
        end(&loading, code);
        TRY(pass_over(code, &missed, err));
    }
    return judge(ret, missed);
}

int contents_load(
    Images *images, int tree, const Platform *platform, ImageLoaded *ret, Error *err) {
    if (file_exists(tree, "index.json"))
        return load_layout(images, tree, platform, ret, err);
    if (file_exists(tree, "manifest.json"))
        return load_docker(images, tree, platform, ret, err);
    return error_set(err, ERROR_INVALID,
        "the archive holds neither an OCI layout nor an image of"
        " docker save");
}
