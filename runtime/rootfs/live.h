// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/rootfs/rootfs.h"

/* Mounts of a container that lives (`mounts add` and `mounts remove`). Sources are opened with our
 * own view of the host; then this process enters the container's namespaces, for good. Not in a
 * user namespace: what is brought there from outside is not locked (mount_namespaces(7)), so that
 * the container's root could make a read-only bind writable. */

/* rootfs: from rootfs_init, with the mounts to add and the namespaces of process `pid` to join. All
 * of them, or none. */
int live_mounts_add(Rootfs *rootfs, pid_t pid, Error *err);

int live_mounts_remove(
    const Namespaces *namespaces, pid_t pid, const JsonObjects *mounts, Error *err);
