// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "engine/snapshot/snapshot.h"

/* A container's tree while the container does not run, as a descriptor for file_open_in and
 * file_make_dirs_in. `directory` is ours; the mount is attached there only for a moment and lives
 * as long as the descriptor. */
int rootfs_open(const SnapshotMount *mount, const char *directory, int *ret_fd, Error *err);

/* Start-up: undoes what a kill in that moment left, and removes the directory. */
int rootfs_sweep(const char *directory, Error *err);
