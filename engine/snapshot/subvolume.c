// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot/subvolume.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

bool subvolume_is_possible(int dir) {
    struct statfs status;
    return fstatfs(dir, &status) == 0 && status.f_type == BTRFS_SUPER_MAGIC;
}

int subvolume_make(int dir, const char *name, Error *err) {
    struct btrfs_ioctl_vol_args arguments = {};
    snprintf(arguments.name, sizeof arguments.name, "%s", name);
    if (ioctl(dir, BTRFS_IOC_SUBVOL_CREATE, &arguments) < 0)
        return error_set_errno(err, errno, "cannot make a btrfs subvolume");
    return 0;
}

static int quota_on(int tree, Error *err) {
    struct btrfs_ioctl_quota_ctl_args on = {.cmd = BTRFS_QUOTA_CTL_ENABLE};
    if (ioctl(tree, BTRFS_IOC_QUOTA_CTL, &on) < 0 && errno != EEXIST && errno != EINPROGRESS)
        return error_set_errno(err, errno, "cannot turn on the quotas of btrfs");
    /* what was there before them has to be counted once */
    if (ioctl(tree, BTRFS_IOC_QUOTA_RESCAN_WAIT) < 0)
        return error_set_errno(err, errno, "cannot wait for the quotas of btrfs");
    return 0;
}

/* A group 0/ID for each subvolume is made by btrfs itself, once quotas are on; qgroupid 0 is that
 * of the descriptor's subvolume. */
int subvolume_limit(int subvolume, uint64_t bytes, Error *err) {
    struct btrfs_ioctl_qgroup_limit_args arguments = {
        .lim = {.flags = BTRFS_QGROUP_LIMIT_MAX_EXCL, .max_excl = bytes}};
    TRY(quota_on(subvolume, err));
    if (ioctl(subvolume, BTRFS_IOC_QGROUP_LIMIT, &arguments) < 0)
        return error_set_errno(err, errno, "cannot limit a btrfs subvolume");
    return 0;
}
