// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/image/document.h"
#include "engine/image/record.h"
#include "engine/image/save.h"
#include "engine/image/saved.h"
#include "engine/image/send.h"
#include "engine/image/tar.h"
#include "engine/registry/reference.h"

/* An archive is two things at once: an OCI image layout (index.json, oci-layout, blobs/) and, by
 * manifest.json, what docker has always read. Since version 25 docker writes the same. */
enum {
    DEPTH_MAX = 4
};

typedef struct Writing {
    const Archive *archive;
    Tar tar;
    Platform platform;
    JsonTexts written; /* blobs */
    OciIndex index;
    SavedImages saved;
} Writing;

static int add_blob(Writing *writing, const char *digest, Error *err) {
    autoclose int fd = -1;
    uint64_t size;
    if (texts_have(&writing->written, digest))
        return 0;
    TRY(content_open_blob(writing->archive->content, digest, &fd, &size, err));
    autofree char *name = text_format("blobs/sha256/%s", digest_hex(digest));
    TRY(tar_add_file(&writing->tar, name, fd, size, err));
    json_texts_add(&writing->written, digest);
    return 0;
}

static int add_manifest(Writing *writing, const Text *body, Error *err) {
    autodone(OciManifest) manifest = {};
    if (json_decode(&oci_manifest_type, body->data, body->length, &manifest, err) < 0)
        return error_prefix(err, "damaged image manifest");
    const OciDescriptor *layer = manifest.layers.item;
    TRY(digest_check(manifest.config->digest, err));
    TRY(add_blob(writing, manifest.config->digest, err));
    for (size_t i = 0; i < manifest.layers.n; i++) {
        TRY(digest_check(layer[i].digest, err));
        TRY(add_blob(writing, layer[i].digest, err));
    }
    return 0;
}

static int add_tree(Writing *writing, const char *digest, int depth, Error *err);

static int add_platform(
    Writing *writing, const OciIndex *index, const char *name, int depth, Error *err) {
    Platform platform;
    TRY(platform_parse(name, &platform, err));
    const OciDescriptor *chosen = platform_choose(&platform, index);
    return chosen ? add_tree(writing, chosen->digest, depth + 1, err)
                  : error_set(err, ERROR_NOT_FOUND, "no manifest found for platform: not found");
}

static int add_platforms(Writing *writing, const OciIndex *index, int depth, Error *err) {
    const JsonTexts *wanted = writing->archive->platforms;
    if (!wanted || wanted->n == 0)
        return add_platform(writing, index, writing->archive->platform, depth, err);
    for (size_t i = 0; i < wanted->n; i++)
        TRY(add_platform(writing, index, wanted->item[i], depth, err));
    return 0;
}

static int add_children(Writing *writing, const Text *body, int depth, Error *err) {
    autodone(OciIndex) index = {};
    TRY(document_decode_index(body, &index, err));
    const OciDescriptor *child = index.manifests.item;
    if (writing->archive->choice == ARCHIVE_PLATFORMS)
        return add_platforms(writing, &index, depth, err);
    for (size_t i = 0; i < index.manifests.n; i++)
        if (writing->archive->choice == ARCHIVE_WHOLE ||
            send_is_whole(writing->archive->content, child[i].digest))
            TRY(add_tree(writing, child[i].digest, depth + 1, err));
    return 0;
}

static int add_tree(Writing *writing, const char *digest, int depth, Error *err) {
    autodone(Text) body = {};
    DocumentKind kind;
    if (depth > DEPTH_MAX)
        return error_set(err, ERROR_EXHAUSTED, "the image's indexes are nested too deeply");
    TRY(content_read(writing->archive->content, digest, DOCUMENT_MAX, &body, err));
    TRY(document_classify(NULL, &body, &kind, err));
    TRY(kind == DOCUMENT_INDEX ? add_children(writing, &body, depth, err)
                               : add_manifest(writing, &body, err));
    return add_blob(writing, digest, err);
}

/* One row of index.json for each name. */
static void describe(Writing *writing, const ArchiveImage *image, const char *media_type,
    size_t size, const char *name) {
    OciDescriptor *descriptor = json_objects_add(&writing->index.manifests, &oci_descriptor_type);
    autodone(Reference) reference = {};
    Error ignored;
    descriptor->media_type = text_copy(media_type);
    descriptor->digest = text_copy(image->target);
    descriptor->size = (JsonUint){true, size};
    for (size_t i = 0; i < image->annotations.n; i++)
        json_map_set(
            &descriptor->annotations, image->annotations.key[i], image->annotations.value[i]);
    if (!name)
        return;
    json_map_set(&descriptor->annotations, "io.containerd.image.name", name);
    if (reference_parse(name, &reference, &ignored) == 0 && reference.tag)
        json_map_set(&descriptor->annotations, "org.opencontainers.image.ref.name", reference.tag);
}

static int list_in_index(Writing *writing, const ArchiveImage *image, Error *err) {
    autodone(Text) body = {};
    DocumentKind kind;
    TRY(content_read(writing->archive->content, image->target, DOCUMENT_MAX, &body, err));
    TRY(document_classify(NULL, &body, &kind, err));
    autofree char *media_type = document_media_type(&body, kind);
    for (size_t i = 0; i < image->names.n; i++)
        describe(writing, image, media_type, body.length, image->names.item[i]);
    if (image->names.n == 0)
        describe(writing, image, media_type, body.length, NULL);
    return 0;
}

static char *path_of(const char *digest) {
    return text_format("blobs/sha256/%s", digest_hex(digest));
}

static SavedImage *find_saved(Writing *writing, const char *config) {
    SavedImage *saved = writing->saved.images.item;
    for (size_t i = 0; i < writing->saved.images.n; i++)
        if (text_equal(saved[i].config, config))
            return &saved[i];
    SavedImage *added = json_objects_add(&writing->saved.images, &saved_image_type);
    added->config = text_copy(config);
    return added;
}

static bool choose_for_docker(
    const Writing *writing, const ArchiveImage *image, char ret[DIGEST_TEXT_SIZE]) {
    Error ignored;
    memcpy(ret, image->manifest, DIGEST_TEXT_SIZE);
    return *ret || send_choose(writing->archive->content, image->target, &writing->platform, ret,
                       &ignored) == 0;
}

/* Docker knows one platform for an image, and names as users write them. */
static int list_for_docker(Writing *writing, const ArchiveImage *image, Error *err) {
    char digest[DIGEST_TEXT_SIZE];
    autodone(Text) body = {};
    autodone(OciManifest) manifest = {};
    Content *content = writing->archive->content;
    if (writing->archive->plain || !choose_for_docker(writing, image, digest))
        return 0;
    TRY(content_read(content, digest, DOCUMENT_MAX, &body, err));
    TRY(json_decode(&oci_manifest_type, body.data, body.length, &manifest, err));
    autofree char *config = path_of(manifest.config->digest);
    SavedImage *saved = find_saved(writing, config);
    for (size_t i = 0; i < image->names.n; i++) {
        autodone(Reference) reference = {};
        Error ignored;
        if (reference_parse(image->names.item[i], &reference, &ignored) < 0 || reference.digest)
            continue;
        autofree char *familiar = reference_familiar(&reference);
        json_texts_add(&saved->tags, familiar);
    }
    const OciDescriptor *layer = manifest.layers.item;
    for (size_t i = 0; saved->layers.n < manifest.layers.n; i++) {
        autofree char *path = path_of(layer[i].digest);
        json_texts_add(&saved->layers, path);
    }
    return 0;
}

static int add_documents(Writing *writing, Error *err) {
    writing->index.schema_version = (JsonUint){true, 2};
    writing->index.media_type = text_copy(OCI_MEDIA_INDEX);
    autofree char *index = json_encode(&oci_index_type, &writing->index, 0);
    TRY(tar_add_text(&writing->tar, "index.json", index, err));
    autofree char *saved = saved_images_encode(&writing->saved);
    if (writing->saved.images.n > 0)
        TRY(tar_add_text(&writing->tar, "manifest.json", saved, err));
    return tar_add_text(&writing->tar, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", err);
}

static int write_all(Writing *writing, Error *err) {
    const Archive *archive = writing->archive;
    TRY(platform_parse(archive->platform, &writing->platform, err));
    TRY(tar_add_directory(&writing->tar, "blobs/", err));
    TRY(tar_add_directory(&writing->tar, "blobs/sha256/", err));
    for (size_t i = 0; i < archive->n; i++) {
        TRY(add_tree(writing, archive->image[i].target, 0, err));
        TRY(list_in_index(writing, &archive->image[i], err));
        TRY(list_for_docker(writing, &archive->image[i], err));
    }
    TRY(add_documents(writing, err));
    return tar_finish(&writing->tar, err);
}

int archive_write(const Archive *archive, Error *err) {
    Writing writing = {.archive = archive, .tar = {archive->writer, archive->user}};
    int code = write_all(&writing, err);
    json_texts_done(&writing.written);
    oci_index_done(&writing.index);
    saved_images_done(&writing.saved);
    return code;
}
