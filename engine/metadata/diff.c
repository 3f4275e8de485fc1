// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/diff.h"

#include <stdio.h>

#include "base/text.h"
#include "engine/layer/layer.h"

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
