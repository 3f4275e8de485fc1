// SPDX-License-Identifier: Apache-2.0
/* The engine is a threaded process and must neither fork nor move a thread of a pool into another
 * namespace. So a thread of its own enters a new namespace, pins it by name, opens what the engine
 * needs of it, and ends: a descriptor keeps working in every thread. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/network/sandbox.h"

/* Docker's, so that images which count on them work: ports below 1024 without a capability, ping
 * without root. IPv6 stays off on interfaces until a network hands out IPv6 addresses: else a
 * router's or a neighbour's announcement would configure one behind the packet filter's back. */
static const struct {
    const char *name, *value;
    bool optional; /* kernels may be built without */
} sandbox_sysctls[] = {
    {"net/ipv4/ip_unprivileged_port_start", "0", false},
    {"net/ipv4/ping_group_range", "0 2147483647", false},
    {"net/ipv6/conf/default/disable_ipv6", "1", true},
};

typedef struct SandboxMaker {
    const char *path;
    int ns;
    Netlink *netlink;
    int result;
    Error error;
} SandboxMaker;

/* /proc/sys/net shows the namespace of the thread that looks. */
static int set_sysctls(Error *err) {
    autoclose int sysctls = -1;
    TRY(file_open(AT_FDCWD, "/proc/sys", O_PATH | O_DIRECTORY, 0, &sysctls, err));
    for (size_t i = 0; i < array_size(sandbox_sysctls); i++) {
        int r = file_write_kernel(sysctls, sandbox_sysctls[i].name, sandbox_sysctls[i].value, err);
        if (r < 0 && !(sandbox_sysctls[i].optional && r == ERROR_NOT_FOUND))
            return error_prefix(err, "cannot set sysctl %s", sandbox_sysctls[i].name);
    }
    return 0;
}

/* A kill of the engine may leave several mounts one over the other. */
static int unmount(const char *path, Error *err) {
    while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        ;
    /* EINVAL: no mount; the engine died between the file and the mount. */
    if (errno != EINVAL && errno != ENOENT)
        return error_set_errno(err, errno, "cannot unmount '%s'", path);
    return 0;
}

/* Unbindable, so that a bind mount of a directory above into a container takes no copy along: a
 * copy would keep the namespace alive, and hand a container its neighbours' networks. Below a
 * shared mount (systemd's "/") a mount cannot arrive unbindable, only become so. */
static int pin(const char *path, Error *err) {
    autoclose int file = -1, tree = -1;
    struct mount_attr unbindable = {.propagation = MS_UNBINDABLE};
    tree = open_tree(
        AT_FDCWD, "/proc/thread-self/ns/net", OPEN_TREE_CLONE | (unsigned)OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return error_set_errno(err, errno, "cannot get at a network namespace");
    TRY(file_open(AT_FDCWD, path, O_CREAT | O_EXCL | O_RDONLY | O_NOFOLLOW, 0400, &file, err));
    if (move_mount(tree, "", file, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return error_set_errno(err, errno, "cannot mount a network namespace on '%s'", path);
    if (mount_setattr(tree, "", AT_EMPTY_PATH, &unbindable, sizeof unbindable) < 0)
        return error_set_errno(err, errno, "cannot make '%s' unbindable", path);
    return 0;
}

/* In the thread, inside the new namespace. */
static int furnish(SandboxMaker *maker, Error *err) {
    autoptr(Netlink) netlink = NULL;
    autoclose int ns = -1;
    if (unshare(CLONE_NEWNET) < 0)
        return error_set_errno(err, errno, "cannot create a network namespace");
    TRY(set_sysctls(err));
    TRY(file_open(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY, 0, &ns, err));
    TRY(netlink_open(&netlink, err));
    netlink_set_up(netlink, "lo");
    TRY(netlink_flush(netlink, err));
    TRY(pin(maker->path, err));
    maker->ns = take_fd(&ns);
    maker->netlink = take_ptr(&netlink);
    return 0;
}

static void *maker_main(void *context) {
    SandboxMaker *maker = context;
    maker->result = furnish(maker, &maker->error);
    return NULL;
}

char *sandbox_path(const char *directory, const char *container) {
    return path_join(directory, container);
}

int sandbox_create(const char *path, int *ret_ns, Netlink **ret_netlink, Error *err) {
    SandboxMaker maker = {.path = path, .ns = -1};
    autofree char *directory = path_parent(path);
    pthread_t thread;
    TRY(sandbox_remove(path, err));
    TRY(file_make_dirs(directory, 0700, err));
    int r = pthread_create(&thread, NULL, maker_main, &maker);
    if (r != 0)
        return error_set_errno(err, r, "cannot start a thread");
    pthread_join(thread, NULL);
    if (maker.result < 0) {
        sandbox_remove(path, err);
        *err = maker.error;
        return maker.result;
    }
    *ret_ns = maker.ns;
    *ret_netlink = maker.netlink;
    return 0;
}

int sandbox_remove(const char *path, Error *err) {
    TRY(unmount(path, err));
    return file_remove(AT_FDCWD, path, err);
}

int sandbox_sweep(const char *directory, SandboxKeep keep, const void *context, Error *err) {
    DIR *entries = opendir(directory);
    const struct dirent *entry;
    int result = 0;
    if (!entries && errno == ENOENT)
        return 0;
    if (!entries)
        return error_set_errno(err, errno, "cannot open '%s'", directory);
    while ((entry = readdir(entries))) {
        if (entry->d_name[0] == '.' || keep(entry->d_name, context))
            continue;
        autofree char *path = sandbox_path(directory, entry->d_name);
        int r = sandbox_remove(path, err);
        result = r < 0 ? r : result;
    }
    closedir(entries);
    return result;
}
