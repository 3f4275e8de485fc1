// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "engine/snapshot/snapshot.h"

/* A container's tree while the container does not run, as a descriptor for file_open_in and, if it
 * is to be written to, file_make_dirs_in. The mount is attached for a moment only, to a directory
 * of ours, and lives as long as the descriptor. */
typedef enum RootfsAccess {
    ROOTFS_READ,
    ROOTFS_WRITE
} RootfsAccess;
int rootfs_open(const SnapshotMount *mount, RootfsAccess access, const char *directory, int *ret_fd,
    Error *err);

/* Start-up: undoes what a kill in that moment left, and removes the directory. */
int rootfs_sweep(const char *directory, Error *err);
