// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot/copy.h"
#include "engine/snapshot/driver.h"

/* Every snapshot is a whole copy of the one that it stands on: for file systems under which
 * overlayfs cannot work. Where files can share extents (XFS, btrfs, bcachefs), a copy of a file is
 * one ioctl(2) and no data. */

static int set_up(const char *path, int dir, Error *err) {
    return 0;
}

static int prepare(const SnapshotStack *stack, int *ret_fd, Error *err) {
    autoclose int tree = -1, parent = -1;
    TRY(snapshot_directory_make(stack, "", 0700, err));
    TRY(snapshot_directory_make(stack, "/fs", 0755, err));
    TRY(snapshot_directory_open(stack, 0, "/fs", &tree, err));
    if (stack->writable && stack->n > 1) {
        TRY(snapshot_directory_open(stack, 1, "/fs", &parent, err));
        TRY(copy_tree(parent, tree, err));
    }
    *ret_fd = take_fd(&tree);
    return 0;
}

const SnapshotDriver snapshot_native = {
    .name = "native",
    .snapshotter = "native",
    .whole = true,
    .set_up = set_up,
    .prepare = prepare,
    .open_tree = snapshot_directory_tree,
    .mount = snapshot_mount_bind,
};
