// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "proto/containerd/types/mount.pb-c.h"

/* The container's rootfs, in the host's mount namespace: what the snapshotter says, one above the
 * other on an empty directory of the bundle. */

/* On failure nothing stays mounted. */
int mount_all(Containerd__Types__Mount *const *mounts, size_t n, const char *target, Error *err);

/* Until nothing is mounted on target; a target that is missing or not mounted is fine. */
int mount_remove_all(const char *target, Error *err);
