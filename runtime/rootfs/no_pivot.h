// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"

/* In init, before a rootfs becomes the root without pivot_root(2): whole proc and sysfs mounts of
 * the host go from the mount namespace, but for those below `own` (NULL: none is to be spared).
 * Nothing of it propagates to the host (rootfs_attach). */
int rootfs_hide_host(const char *own, Error *err);
