// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "oci/runtime.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/rootfs/mount_option.h"

/* The file system tree of a container, by descriptors only (rule A, docs/security.md).
 *
 *     runtime, host's mount namespace        init, new mount namespace
 *     rootfs_open: clones the rootfs and
 *       every bind source, detached    ────► rootfs_attach     the tree becomes a mount
 *                                            rootfs_mount      config.json's mounts onto it
 *                                            rootfs_make_devices
 *                                            (terminal, hooks)
 *                                            rootfs_pivot      it becomes "/", the old root goes
 *                                            rootfs_protect    read-only and masked paths
 *
 * Each path of the host is resolved once, by the runtime; each path inside the container once, with
 * the container's tree as its root. */
typedef struct RootfsMount {
    const OciMount *config;
    MountOptions options;
    int source;         /* detached clone of a bind source, else -1 */
    int user_namespace; /* of an id-mapped mount, else -1 */
} RootfsMount;

typedef struct RootfsCgroup {
    char *name; /* directory below the container's /sys/fs/cgroup; "" for cgroup v2 itself */
    const char *controllers;
    int tree;
} RootfsCgroup;

typedef struct Rootfs {
    const OciSpec *spec;
    char *path; /* on the host */
    int tree;   /* detached, then the container's root */
    int null;   /* detached clone of the host's /dev/null, checked to be one */
    RootfsMount *mount;
    size_t mount_n;
    RootfsCgroup *cgroup;
    size_t cgroup_n;
    int *readonly_later; /* mounts that must stay writable until all is set up */
    size_t readonly_later_n;
    unsigned long propagation; /* linux.rootfsPropagation */
    bool propagation_recursive;
    bool user_namespace; /* device nodes cannot be made: they are bound */
    bool no_pivot, at_path;
} Rootfs;

int rootfs_open(
    Rootfs *rootfs, const OciSpec *spec, const char *bundle, const Cgroup *cgroup, Error *err);

/* In init, in this order. at_path: hooks expect the tree at its path on the host. */
int rootfs_attach(Rootfs *rootfs, bool at_path, Error *err);
int rootfs_mount(Rootfs *rootfs, Error *err);
int rootfs_make_devices(Rootfs *rootfs, Error *err);
int rootfs_bind_console(Rootfs *rootfs, int terminal, Error *err);
int rootfs_pivot(Rootfs *rootfs, Error *err);
int rootfs_protect(Rootfs *rootfs, Error *err);

void rootfs_done(Rootfs *rootfs);
