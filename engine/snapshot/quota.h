// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "base/error.h"

/* Bounds what a directory and all that will be made in it take, by a project of the file system's
 * (ext4 and XFS mounted with prjquota; quotactl(2), ioctl_xfs_fssetxattr(2)). What is in it already
 * becomes part of the project. `number` is the directory's own among all. ERROR_UNSUPPORTED: the
 * file system keeps no such quotas. Private to engine/snapshot. */
int quota_set(int directory, uint64_t number, uint64_t bytes, Error *err);
