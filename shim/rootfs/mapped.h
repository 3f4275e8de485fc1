// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "proto/containerd/types/mount.pb-c.h"

/* An overlay whose layers appear with other owners: containerd gives it the options uidmap= and
 * gidmap=, which are not the file system's. Each lower directory is mounted once more with its ids
 * mapped, in a directory beside the rootfs, for as long as it takes to mount the overlay. */

/* Whether it has such options. */
bool mapped_mount_is(const Containerd__Types__Mount *mount);

typedef int (*MountPlain)(const Containerd__Types__Mount *mount, const char *rootfs, Error *err);

/* Calls `plain` with options of which the kernel knows all. */
int mapped_mount(
    const Containerd__Types__Mount *mount, const char *rootfs, MountPlain plain, Error *err);
