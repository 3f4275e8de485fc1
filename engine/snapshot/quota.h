// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "base/error.h"

/* Bounds what a directory and all that will be made in it take, by a project of the file system's
 * (ext4 and XFS mounted with prjquota; quotactl(2), ioctl_xfs_fssetxattr(2)). What is in it already
 * becomes part of the project. `number` is where the search for a free project begins.
 * ERROR_UNSUPPORTED: the file system keeps no such quotas. */
int quota_set(int directory, uint64_t number, uint64_t bytes, Error *err);

/* Makes a directory (0700) that takes no more than `bytes`, by a project or, on btrfs, as a
 * subvolume of its own; 0: without a limit. What of it was made stays when this fails. */
int quota_make_directory(int dir, const char *name, uint64_t bytes, Error *err);
