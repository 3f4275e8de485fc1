// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/rootfs/rootfs.h"

/* Id-mapped mounts (mount_setattr(2), MOUNT_ATTR_IDMAP): a user namespace carries the mapping, the
 * mount's own or the container's. */
bool idmap_is_wanted(const RootfsMount *mount);

/* The mapping of an option "idmap=…", in mount's own lists. ERROR_INVALID. */
int idmap_parse(const Rootfs *rootfs, RootfsMount *mount, Error *err);

/* Whether config.json holds a mapping for it. */
int idmap_check(const Rootfs *rootfs, const RootfsMount *mount, Error *err);

/* Makes mount->id_map; then maps the ids of the detached tree. */
int idmap_open(const Rootfs *rootfs, RootfsMount *mount, Error *err);
int idmap_apply(RootfsMount *mount, int tree, Error *err);
