// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/rootfs/rootfs.h"

/* Id-mapped mounts (mount_setattr(2), MOUNT_ATTR_IDMAP): a user namespace that nobody lives in
 * carries the mapping. Opens it as mount->user_namespace. */
int idmap_open(const OciSpec *spec, RootfsMount *mount, Error *err);

/* Applies it to a detached mount. */
int idmap_apply(const RootfsMount *mount, int tree, Error *err);
