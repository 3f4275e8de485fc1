// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/diff.h"

#include <stdio.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/layer/layer.h"
#include "engine/layer/pack.h"
#include "engine/metadata/blob.h"
#include "engine/metadata/check.h"

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

static int write_blob(void *user, const void *data, size_t n, Error *err) {
    return blob_writer_write(user, data, n, err);
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

static int pack_difference(const Trees *trees, Images *images, const DiffMake *make,
    LayerPack *pack, LayerPacked *ret, Error *err) {
    autodone(SnapshotTrees) left = {}, right = {};
    autofree int *lower = NULL;
    if (make->left) {
        TRY(snapshot_trees_open(trees->snapshots, make->left, &left, err));
        lower = list_trees(&left, &pack->lower_n);
        pack->lower = lower;
    }
    TRY(snapshot_trees_open(trees->snapshots, make->right, &right, err));
    autofree int *upper = list_trees(&right, &pack->upper_n);
    pack->upper = upper;
    pack->program = images_pack_program(images);
    return layer_pack(pack, ret, err);
}

static int add_labels(MetadataRecord *record, void *user, Error *err) {
    const JsonMap *labels = user;
    for (size_t i = 0; i < labels->n; i++)
        json_map_set(&record->labels, labels->key[i], labels->value[i]);
    return check_labels(&record->labels, err);
}

/* Another one may have written the same: that gets the labels, too. */
static int commit(const Trees *trees, BlobWriter *writer, const DiffMake *make, bool compressed,
    const char *diff_id, DiffResult *ret, Error *err) {
    JsonMap labels = {};
    labels_copy(&labels, make->labels);
    if (compressed)
        json_map_set(&labels, LABEL_UNCOMPRESSED, diff_id);
    blob_writer_digest(writer, ret->digest);
    ret->size = blob_writer_offset(writer);
    int code = blob_writer_commit(writer, 0, NULL, &labels, err);
    if (code == ERROR_EXISTS)
        code = metadata_update(trees->metadata, METADATA_CONTENT, make->space, ret->digest,
            add_labels, &labels, NULL, err);
    json_map_done(&labels);
    return code;
}

int diff_make(
    const Trees *trees, Images *images, const DiffMake *make, DiffResult *ret, Error *err) {
    char random[17];
    size_t type;
    LayerPacked packed;
    autoptr(BlobWriter) writer = NULL;
    TRY(find_media_type(make->media_type, &type, err));
    text_random_hex(random, 8);
    autofree char *reference = text_is_empty(make->reference) ? text_format("diff-%s", random)
                                                              : text_copy(make->reference);
    const BlobWrite write = {.space = make->space, .reference = reference, .lease = make->lease};
    TRY(blob_writer_open(trees->metadata, images_content(images), &write, &writer, err));
    LayerPack pack = {
        .mode = PACK_LAYER,
        .compression = media_types[type].compression,
        .write = write_blob,
        .user = writer,
    };
    int code = blob_writer_restart(writer, err);
    if (code == 0)
        code = pack_difference(trees, images, make, &pack, &packed, err);
    if (code == 0)
        code = commit(
            trees, writer, make, pack.compression != COMPRESSION_NONE, packed.diff_id, ret, err);
    ret->media_type = media_types[type].media_type;
    if (code < 0) {
        Error ignored; /* nobody will go on where this ended */
        blob_writer_close(take_ptr(&writer));
        blob_abort(trees->metadata, images_content(images), make->space, reference, &ignored);
    }
    return code;
}
