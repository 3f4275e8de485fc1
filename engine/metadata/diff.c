// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/diff.h"

#include <stdio.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/layer/layer.h"
#include "engine/layer/pack.h"
#include "engine/metadata/blob_make.h"

#define LABEL_UNCOMPRESSED "containerd.io/uncompressed"

static const struct {
    const char *media_type;
    Compression compression;
} media_types[] = {
    {"application/vnd.oci.image.layer.v1.tar+gzip", COMPRESSION_GZIP},
    {"application/vnd.oci.image.layer.v1.tar", COMPRESSION_NONE},
    {"application/vnd.oci.image.layer.v1.tar+zstd", COMPRESSION_ZSTD},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", COMPRESSION_GZIP},
    {"application/vnd.docker.image.rootfs.diff.tar", COMPRESSION_NONE},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd", COMPRESSION_ZSTD},
};

int diff_apply(const Trees *trees, Images *images, const MetadataRecord *blob,
    const SnapshotMount *mount, DiffResult *ret, Error *err) {
    autodone(SnapshotTrees) open = {};
    autodone(LayerResult) result = {};
    autoclose int fd = -1;
    uint64_t size;
    TRY(content_open_blob(images_content(images), blob->name, &fd, &size, err));
    TRY(snapshot_trees_fill(trees->snapshots, mount, &open, err));
    const LayerUnpack unpack = {
        .program = images_unpack_program(images),
        .blob = fd,
        .tree = open.tree,
        .diff_id = LAYER_ANY_DIFF_ID,
    };
    if (layer_unpack(&unpack, &result, err) < 0)
        return error_prefix(err, "failed to extract layer %s", blob->name);
    TRY(layer_finish(open.tree, &result, open.parent, open.parents, err));
    TRY(snapshot_trees_filled(trees->snapshots, &open, err));
    *ret = (DiffResult){
        .media_type = "application/vnd.oci.image.layer.v1.tar", .size = result.tar_size};
    snprintf(ret->digest, sizeof(ret->digest), "%s", result.diff_id);
    return 0;
}

static int find_media_type(const char *media_type, size_t *ret, Error *err) {
    *ret = 0;
    if (text_is_empty(media_type))
        return 0;
    while (*ret < array_size(media_types) && !text_equal(media_types[*ret].media_type, media_type))
        ++*ret;
    return *ret < array_size(media_types)
               ? 0
               : error_set(err, ERROR_UNSUPPORTED,
                     "unsupported diff media type: %.200s: not implemented", media_type);
}

/* A tree and those below it, as one list. */
static int *list_trees(const SnapshotTrees *trees, size_t *ret_n) {
    int *list = new_array(int, trees->parents + 1);
    list[0] = trees->tree;
    for (size_t i = 0; i < trees->parents; i++)
        list[i + 1] = trees->parent[i];
    *ret_n = trees->parents + 1;
    return list;
}

typedef struct Difference {
    const Trees *trees;
    Images *images;
    const DiffMake *make;
    Compression compression;
} Difference;

static int pack_difference(BlobWriter *writer, JsonMap *labels, void *user, Error *err) {
    const Difference *difference = user;
    const DiffMake *make = difference->make;
    const Trees *trees = difference->trees;
    autodone(SnapshotTrees) left = {}, right = {};
    autofree int *lower = NULL;
    LayerPack pack = {
        .program = images_pack_program(difference->images),
        .mode = PACK_LAYER,
        .compression = difference->compression,
        .write = blob_make_write,
        .user = writer,
    };
    LayerPacked packed;
    if (make->left) {
        TRY(snapshot_trees_open(trees->snapshots, make->left, &left, err));
        lower = list_trees(&left, &pack.lower_n);
        pack.lower = lower;
    }
    TRY(snapshot_trees_open(trees->snapshots, make->right, &right, err));
    autofree int *upper = list_trees(&right, &pack.upper_n);
    pack.upper = upper;
    TRY(layer_pack(&pack, &packed, err));
    if (pack.compression != COMPRESSION_NONE)
        json_map_set(labels, LABEL_UNCOMPRESSED, packed.diff_id);
    return 0;
}

int diff_make(
    const Trees *trees, Images *images, const DiffMake *make, DiffResult *ret, Error *err) {
    size_t type;
    BlobMade made;
    TRY(find_media_type(make->media_type, &type, err));
    Difference difference = {trees, images, make, media_types[type].compression};
    const BlobMake blob = {.metadata = trees->metadata,
        .content = images_content(images),
        .space = make->space,
        .lease = make->lease,
        .reference = make->reference,
        .labels = make->labels,
        .fill = pack_difference,
        .user = &difference};
    TRY(blob_make(&blob, &made, err));
    *ret = (DiffResult){.media_type = media_types[type].media_type, .size = made.size};
    snprintf(ret->digest, sizeof(ret->digest), "%s", made.digest);
    return 0;
}
