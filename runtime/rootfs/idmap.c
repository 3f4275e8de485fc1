// SPDX-License-Identifier: Apache-2.0
#include "runtime/rootfs/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/namespace/namespace.h"
#include "runtime/rootfs/tree.h"

/* A child that only waits to be killed gives its new user namespace to our descriptor. */
static int open_namespace(const OciLinux *mappings, int *ret_fd, Error *err) {
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        for (;;)
            pause();
    if (pid < 0)
        return error_set_errno(err, errno, "cannot make a user namespace");
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
    int r = namespaces_write_mappings(mappings, pid, err);
    if (r >= 0)
        r = file_open(AT_FDCWD, path, O_RDONLY, 0, ret_fd, err);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return r;
}

int idmap_open(const OciSpec *spec, RootfsMount *mount, Error *err) {
    bool own = mount->config->uid_mappings.n && mount->config->gid_mappings.n;
    if (mount->config->uid_mappings.n && !own)
        return error_set(err, ERROR_INVALID, "uidMappings without gidMappings");
    OciLinux mappings = {};
    if (own) {
        mappings.uid_mappings = mount->config->uid_mappings;
        mappings.gid_mappings = mount->config->gid_mappings;
    } else if (spec->linux) { /* "idmap" alone: the container's own mapping */
        mappings.uid_mappings = spec->linux->uid_mappings;
        mappings.gid_mappings = spec->linux->gid_mappings;
    }
    if (!mappings.uid_mappings.n || !mappings.gid_mappings.n)
        return error_set(
            err, ERROR_INVALID, "an id-mapped mount needs uidMappings and gidMappings");
    if (!mount->options.bind)
        return error_set(err, ERROR_UNSUPPORTED, "only bind mounts can be id-mapped");
    TRY(open_namespace(&mappings, &mount->user_namespace, err));
    return idmap_apply(mount, mount->source, err);
}

int idmap_apply(const RootfsMount *mount, int tree, Error *err) {
    struct mount_attr attr = {
        .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)mount->user_namespace};
    unsigned flags = AT_EMPTY_PATH | (mount->options.id_map_recursive ? AT_RECURSIVE : 0);
    if (mount_setattr(tree, "", flags, &attr, sizeof attr) < 0)
        return error_set_errno(err, errno, "cannot map the ids of '%s'", mount->config->source);
    return 0;
}
