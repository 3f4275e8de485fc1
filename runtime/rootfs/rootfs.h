// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "oci/runtime.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/namespace/namespace.h"
#include "runtime/rootfs/mount_option.h"

/* The file system tree of a container, by descriptors only (rule A, docs/security.md).
 *
 *     runtime                                init, new mount namespace
 *     rootfs_init: what config.json says
 *     rootfs_prepare: id mappings      ────► rootfs_open       clones the rootfs and every bind
 *                                                              source, makes new file systems
 *                                            rootfs_attach     the tree becomes a mount
 *                                            rootfs_mount      config.json's mounts onto it
 *                                            rootfs_make_devices
 *                                            (terminal, hooks)
 *                                            rootfs_pivot      it becomes "/", the old root goes
 *                                            rootfs_protect    read-only and masked paths
 *
 * Each path of the host is resolved once, with the privileges of the runtime; each path inside the
 * container once, with the container's tree as its root. */

/* Who clones, in the container's mount namespace. Only there, in a user namespace, does the kernel
 * lock what the host's administrator has set on a mount (read-only, nosuid, what is mounted below),
 * so that the container's root cannot take it off (mount_namespaces(7)). */
typedef enum RootfsOpener {
    ROOTFS_BY_INIT,  /* init, which is as privileged as the runtime */
    ROOTFS_FOR_INIT, /* the runtime, for an init whose user namespace is not ours */
} RootfsOpener;

typedef struct RootfsMount {
    const OciMount *config;
    MountOptions options;
    char *destination; /* in the container, clean */
    char *inside; /* of a bind whose source is a place of the container's own tree: that place */
    char *link;   /* option copy-symlink: what the source, a symlink, says; else NULL */
    int source;   /* detached: clone of a bind source, or a file system that is made; else -1 */
    JsonObjects uid_mappings, gid_mappings; /* of option idmap=… */
    int id_map; /* the user namespace of an id-mapped mount, until it is applied; else -1 */
} RootfsMount;

typedef struct RootfsCgroup {
    char *name;        /* directory below the container's /sys/fs/cgroup; "" for cgroup v2 itself */
    char *controllers; /* as Hierarchy has them */
    char *path;        /* of the host, to be cloned; NULL: mounted anew */
    int tree;
} RootfsCgroup;

/* Id-mapped mounts whose source is a place of the container's own tree: they come to be in init,
 * but their ids are mapped with the privileges of the runtime, to which `help` leads. */
typedef struct RootfsHelp {
    int (*map_ids)(void *argument, int tree, size_t mount, Error *err);
    void *argument;
} RootfsHelp;

typedef struct Rootfs {
    const OciSpec *spec;
    const Namespaces *namespaces;
    const char *bundle;
    RootfsOpener opener;
    char *path;    /* on the host */
    char *context; /* "context=…" or so for new file systems (linux.mountLabel); NULL: none */
    int tree;      /* detached, then the container's root */
    int null;      /* detached clone of the host's /dev/null, checked to be one */
    int place;     /* what the tree is mounted on before the pivot */
    RootfsMount *mount;
    size_t mount_n;
    RootfsCgroup *cgroup;
    size_t cgroup_n;
    int *readonly_later; /* mounts that must stay writable until all is set up */
    size_t readonly_later_n;
    unsigned long propagation; /* linux.rootfsPropagation */
    bool propagation_recursive;
    const RootfsHelp *help;
    bool user_namespace; /* device nodes cannot be made: they are bound */
    bool no_pivot, at_path;
} Rootfs;

#define ROOTFS_NONE ((Rootfs){.tree = -1, .null = -1, .place = -1})

/* In the runtime. at_path: hooks expect the tree at its path on the host. */
int rootfs_init(Rootfs *rootfs, const OciSpec *spec, const Namespaces *namespaces,
    const char *bundle, const Cgroup *cgroup, bool at_path, Error *err);

/* In the runtime, before init exists: what needs the pids that the host sees. */
int rootfs_prepare(Rootfs *rootfs, Error *err);

/* In the mount namespace that the caller is in; or in that of process `pid`, for rootfs_send.
 * Without a user namespace, whose root would have to own them, file systems are made here, too: the
 * kernel lists mounts by age, and so it lists them as config.json does. */
int rootfs_open(Rootfs *rootfs, Error *err);
int rootfs_open_inside(Rootfs *rootfs, pid_t pid, Error *err);

/* From the runtime to init: both know from the same configuration what comes in which order. */
int rootfs_send(Rootfs *rootfs, int socket, Error *err);
int rootfs_receive(Rootfs *rootfs, int socket, Error *err);

/* See RootfsHelp. */
bool rootfs_maps_ids_inside(const Rootfs *rootfs);
int rootfs_map_ids(Rootfs *rootfs, size_t mount, int tree, Error *err); /* in the runtime */

/* In init, in this order. */
int rootfs_attach(Rootfs *rootfs, Error *err);
int rootfs_mount(Rootfs *rootfs, const RootfsHelp *help, Error *err);
int rootfs_make_devices(Rootfs *rootfs, Error *err);
int rootfs_bind_console(Rootfs *rootfs, int terminal, Error *err);
int rootfs_pivot(Rootfs *rootfs, Error *err);
int rootfs_protect(Rootfs *rootfs, Error *err);

/* Instead of all these, where the mounts are not the container's own: nothing is mounted, the
 * rootfs only becomes the root. In a joined namespace (`joined`) that does not show it, "/" stays.
 */
int rootfs_enter(const char *path, bool joined, Error *err);

void rootfs_done(Rootfs *rootfs);
