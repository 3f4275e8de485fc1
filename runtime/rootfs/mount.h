// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/rootfs/rootfs.h"

/* One entry of config.json's mounts: each kind of mount is a function, in init, before the pivot.
 */
typedef int MountKind(Rootfs *rootfs, RootfsMount *mount, Error *err);

MountKind mount_cgroup;

/* Before the container's process exists: which hierarchies its cgroup mounts will show. */
void cgroup_mounts_choose(Rootfs *rootfs, const Cgroup *cgroup);

/* The host's tree, unless it is open or will be mounted anew. */
int cgroup_mount_open(RootfsCgroup *cgroup, Error *err);

/* Clones the sources of binds, and of nothing else. */
int mount_open_binds(Rootfs *rootfs, Error *err);

/* Makes the file system of a mount that is no bind, detached, as mount->source; but not what
 * depends on the place that it will cover. */
int mount_make(Rootfs *rootfs, RootfsMount *mount, Error *err);
int mount_make_cgroup(const Rootfs *rootfs, RootfsMount *mount, Error *err);

/* The whole mount, made already or not. What must be read-only is so only after
 * mount_make_readonly. */
int mount_one(Rootfs *rootfs, RootfsMount *mount, Error *err);
int mount_make_readonly(const Rootfs *rootfs, Error *err);

/* Puts a detached tree on the mount's destination, which is made if it is absent. */
int mount_attach(Rootfs *rootfs, int tree, const RootfsMount *mount, bool directory, Error *err);

/* Symlinks on the way to a kernel file system would put it where nobody expects it
 * (CVE-2019-19921). */
int mount_check_ordinary(const Rootfs *rootfs, const RootfsMount *mount, Error *err);
