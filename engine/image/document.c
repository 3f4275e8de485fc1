// SPDX-License-Identifier: Apache-2.0
#include "engine/image/document.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/content/digest.h"

#define LAYER_MAX (UINT64_C(1) << 40)

/* What tells the kinds apart, kept raw: a document may not have both. */
typedef struct Shape {
    char *media_type, *manifests, *config, *layers, *fs_layers;
} Shape;

#define T Shape
static const JsonField shape_fields[] = {
    {"mediaType", JSON_TEXT, JSON_AT(media_type)},
    {"manifests", JSON_RAW, JSON_AT(manifests)},
    {"config", JSON_RAW, JSON_AT(config)},
    {"layers", JSON_RAW, JSON_AT(layers)},
    {"fsLayers", JSON_RAW, JSON_AT(fs_layers)},
    {},
};
static const JsonType shape_type = {sizeof(T), shape_fields};
#undef T

static void shape_done(Shape *shape) {
    json_done(&shape_type, shape);
}
CLEANUP_DEFINE_DONE(Shape, shape_done)

static const struct {
    const char *media_type;
    DocumentKind kind;
} kinds[] = {
    {OCI_MEDIA_INDEX, DOCUMENT_INDEX},
    {DOCKER_MEDIA_LIST, DOCUMENT_INDEX},
    {OCI_MEDIA_MANIFEST, DOCUMENT_MANIFEST},
    {DOCKER_MEDIA_MANIFEST, DOCUMENT_MANIFEST},
};

static int find_kind(const char *media_type) {
    for (size_t i = 0; i < array_size(kinds); i++)
        if (text_equal(media_type, kinds[i].media_type))
            return (int)i;
    return -1;
}

static int compare_types(
    const Shape *shape, const char *media_type, DocumentKind *ret, Error *err) {
    int outer = find_kind(media_type), inner = find_kind(shape->media_type);
    if (!text_is_empty(shape->media_type) && inner < 0)
        return error_set(
            err, ERROR_UNSUPPORTED, "unsupported media type %.200s", shape->media_type);
    if (outer >= 0 && inner >= 0 && outer != inner)
        return error_set(err, ERROR_CORRUPT, "the manifest is sent as %s but calls itself %s",
            media_type, shape->media_type);
    int known = outer >= 0 ? outer : inner;
    *ret = known >= 0 ? kinds[known].kind : shape->manifests ? DOCUMENT_INDEX : DOCUMENT_MANIFEST;
    return 0;
}

int document_classify(const char *media_type, const Text *body, DocumentKind *ret, Error *err) {
    autodone(Shape) shape = {};
    if (json_decode(&shape_type, body->data ? body->data : "", body->length, &shape, err) < 0)
        return error_prefix(err, "damaged manifest");
    if (shape.fs_layers)
        return error_set(err, ERROR_UNSUPPORTED,
            "Docker image manifests of version 1 are not"
            " supported: push the image again");
    if (shape.manifests && (shape.config || shape.layers))
        return error_set(err, ERROR_CORRUPT, "the manifest is an index as well");
    TRY(compare_types(&shape, media_type, ret, err));
    bool index = *ret == DOCUMENT_INDEX;
    if (index ? !shape.manifests : !shape.config)
        return error_set(err, ERROR_CORRUPT, "the manifest is not of the type that it claims");
    return 0;
}

char *document_media_type(const Text *body, DocumentKind kind) {
    autodone(Shape) shape = {};
    Error ignored;
    if (json_decode(&shape_type, body->data, body->length, &shape, &ignored) == 0 &&
        !text_is_empty(shape.media_type))
        return take_ptr(&shape.media_type);
    return text_copy(kind == DOCUMENT_INDEX ? OCI_MEDIA_INDEX : OCI_MEDIA_MANIFEST);
}

int document_check_descriptor(const OciDescriptor *descriptor, uint64_t limit, Error *err) {
    TRY(digest_check(descriptor->digest, err));
    if (descriptor->size.value > limit)
        return error_set(err, ERROR_EXHAUSTED, "%s has %" PRIu64 " bytes, more than is allowed",
            descriptor->digest, descriptor->size.value);
    return 0;
}

int document_decode_index(const Text *body, OciIndex *ret, Error *err) {
    autodone(OciIndex) index = {};
    if (json_decode(&oci_index_type, body->data, body->length, &index, err) < 0)
        return error_prefix(err, "damaged image index");
    for (size_t i = 0; i < index.manifests.n; i++)
        TRY(document_check_descriptor(
            (OciDescriptor *)index.manifests.item + i, DOCUMENT_MAX, err));
    *ret = index;
    index = (OciIndex){};
    return 0;
}

static bool is_layer(const char *media_type) {
    static const char *const known[] = {
        OCI_MEDIA_LAYER,
        OCI_MEDIA_LAYER "+gzip",
        OCI_MEDIA_LAYER "+zstd",
        DOCKER_MEDIA_LAYER,
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    };
    for (size_t i = 0; i < array_size(known); i++)
        if (text_equal(media_type, known[i]))
            return true;
    return false;
}

bool document_is_image(const OciManifest *manifest) {
    const char *config = manifest->config->media_type;
    return text_equal(config, OCI_MEDIA_CONFIG) || text_equal(config, DOCKER_MEDIA_CONFIG);
}

int document_check_image(const OciManifest *manifest, Error *err) {
    const char *config = manifest->config->media_type;
    const OciDescriptor *layer = manifest->layers.item;
    TRY(document_check_descriptor(manifest->config, DOCUMENT_CONFIG_MAX, err));
    if (!document_is_image(manifest))
        return error_set(err, ERROR_UNSUPPORTED,
            "this is not a container image: unsupported media type %.200s",
            config ? config : "(none)");
    for (size_t i = 0; i < manifest->layers.n; i++)
        if (!is_layer(layer[i].media_type))
            return error_set(err, ERROR_UNSUPPORTED, "unsupported media type of a layer: %.200s",
                layer[i].media_type ? layer[i].media_type : "(none)");
    return 0;
}

static int check_blobs(const OciManifest *manifest, Error *err) {
    const OciDescriptor *layer = manifest->layers.item;
    TRY(document_check_descriptor(manifest->config, LAYER_MAX, err));
    if (manifest->layers.n > DOCUMENT_LAYERS_MAX)
        return error_set(
            err, ERROR_EXHAUSTED, "the image has more than %d layers", DOCUMENT_LAYERS_MAX);
    for (size_t i = 0; i < manifest->layers.n; i++)
        TRY(document_check_descriptor(&layer[i], LAYER_MAX, err));
    return 0;
}

static int decode_manifest(
    const Text *body, OciManifest *ret, int (*check)(const OciManifest *, Error *), Error *err) {
    autodone(OciManifest) manifest = {};
    if (json_decode(&oci_manifest_type, body->data, body->length, &manifest, err) < 0)
        return error_prefix(err, "damaged image manifest");
    TRY(check_blobs(&manifest, err));
    if (check)
        TRY(check(&manifest, err));
    *ret = manifest;
    manifest = (OciManifest){};
    return 0;
}

int document_decode_any(const Text *body, OciManifest *ret, Error *err) {
    return decode_manifest(body, ret, NULL, err);
}

int document_decode_manifest(const Text *body, OciManifest *ret, Error *err) {
    return decode_manifest(body, ret, document_check_image, err);
}

int document_decode_config(const Text *body, size_t layers, OciImage *ret, Error *err) {
    autodone(OciImage) image = {};
    if (json_decode(&oci_image_type, body->data ? body->data : "", body->length, &image, err) < 0)
        return error_prefix(err, "damaged image config");
    if (!image.config)
        image.config = new (OciImageConfig);
    if (image.rootfs->diff_ids.n != layers)
        return error_set(err, ERROR_CORRUPT,
            "the image has %zu layers, but its config speaks of %zu", layers,
            image.rootfs->diff_ids.n);
    for (size_t i = 0; i < layers; i++)
        TRY(digest_check(image.rootfs->diff_ids.item[i], err));
    *ret = image;
    image = (OciImage){};
    return 0;
}

char *document_chain_id(const JsonTexts *diff_ids, size_t n) {
    if (n == 0)
        return NULL;
    char chain[DIGEST_TEXT_SIZE];
    memcpy(chain, diff_ids->item[0], sizeof(chain));
    for (size_t i = 1; i < n; i++) {
        autofree char *pair = text_format("%s %s", chain, diff_ids->item[i]);
        digest_of(pair, strlen(pair), chain);
    }
    return text_copy(chain);
}
