// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/btrfs.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/snapshot/driver.h"
#include "engine/snapshot/subvolume.h"

/* N/fs is a subvolume; a snapshot of it costs one ioctl(2), however large it is (btrfs(5),
 * linux/btrfs.h). Trees are whole: a layer of an image is merged into a snapshot of the one below,
 * whose files then share their extents. */

static int set_up(const char *path, int dir, Error *err) {
    return subvolume_is_possible(dir)
               ? 0
               : error_set(err, ERROR_UNSUPPORTED, "'%s' is not on btrfs", path);
}

static int copy_subvolume(int dir, int from, Error *err) {
    struct btrfs_ioctl_vol_args_v2 arguments = {.fd = from, .name = "fs"};
    if (ioctl(dir, BTRFS_IOC_SNAP_CREATE_V2, &arguments) < 0)
        return error_set_errno(err, errno, "cannot make a btrfs snapshot");
    return 0;
}

static int prepare(const SnapshotStack *stack, int *ret_fd, Error *err) {
    autoclose int dir = -1, parent = -1;
    TRY(snapshot_directory_make(stack, "", 0700, err));
    TRY(snapshot_directory_open(stack, 0, "", &dir, err));
    if (stack->writable && stack->n > 1) {
        TRY(snapshot_directory_open(stack, 1, "/fs", &parent, err));
        TRY(copy_subvolume(dir, parent, err));
    } else {
        TRY(subvolume_make(dir, "fs", err));
    }
    return snapshot_directory_tree(stack, ret_fd, err);
}

/* The kernel removes what is in it later; a program in the container may have made subvolumes of
 * its own below it, with which this fails: then the files are removed one by one. */
static int release(const SnapshotStack *stack, Error *err) {
    autoclose int dir = -1;
    Error absent;
    if (snapshot_directory_open(stack, 0, "", &dir, &absent) < 0)
        return 0;
    struct btrfs_ioctl_vol_args arguments = {.name = "fs"};
    if (ioctl(dir, BTRFS_IOC_SNAP_DESTROY, &arguments) < 0 && errno != ENOENT && errno != ENOTEMPTY)
        return error_set_errno(err, errno, "cannot remove a btrfs subvolume");
    return 0;
}

static int limit(const SnapshotStack *stack, uint64_t bytes, Error *err) {
    autoclose int tree = -1;
    TRY(snapshot_directory_open(stack, 0, "/fs", &tree, err));
    return subvolume_limit(tree, bytes, err);
}

const SnapshotDriver snapshot_btrfs = {
    .name = "btrfs",
    .snapshotter = "btrfs",
    .whole = true,
    .set_up = set_up,
    .prepare = prepare,
    .open_tree = snapshot_directory_tree,
    .mount = snapshot_mount_bind,
    .release = release,
    .limit = limit,
};
