// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Subvolumes of btrfs, and what bounds one (btrfs(5), linux/btrfs.h). An empty one goes by rmdir(2)
 * (Linux 4.18). */
bool subvolume_is_possible(int dir); /* it lies on btrfs */
int subvolume_make(int dir, const char *name, Error *err);

/* By its group 0/ID; turns the file system's quotas on. */
int subvolume_limit(int subvolume, uint64_t bytes, Error *err);
