// SPDX-License-Identifier: Apache-2.0
#include "runtime/rootfs/live.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "runtime/rootfs/mount.h"

/* The namespaces whose file systems are made by those who are in them; a new procfs shows the pid
 * namespace of its maker, and we cannot be in the container's. */
static int check(const RootfsMount *mount, Error *err) {
    static const char *const refused[] = {"proc", "cgroup", "cgroup2"};
    for (size_t i = 0; i < array_size(refused); i++)
        if (!mount->options.bind && text_equal(mount->config->type, refused[i]))
            return error_set(err, ERROR_UNSUPPORTED,
                "'%s': a new %s is not made while the container lives", mount->destination,
                refused[i]);
    return 0;
}

/* setns(2) leads to the namespace's root, which need not be the process's. */
static int enter(const Namespaces *namespaces, pid_t pid, int *ret_root, Error *err) {
    char path[64];
    if (namespaces->join & CLONE_NEWUSER)
        return error_set(err, ERROR_UNSUPPORTED,
            "mounts of a container with a user namespace are not changed while it lives");
    if (!(namespaces->join & CLONE_NEWNS))
        return error_set(err, ERROR_STATE, "the container has the mounts of its surroundings");
    snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
    TRY(file_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, ret_root, err));
    return namespaces_enter(namespaces, err);
}

/* unmounting has no descriptor form: by its name in a directory that is ours to hold */
static int detach(int root, const char *destination, Error *err) {
    autofree char *parent = path_parent(destination);
    autoclose int dir = -1;
    TRY(file_open_in(root, parent, O_PATH | O_DIRECTORY, 0, &dir, err));
    if (fchdir(dir) < 0 || umount2(path_name(destination), MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
        return error_set_errno(err, errno, "cannot unmount '%s'", destination);
    return 0;
}

int live_mounts_add(Rootfs *rootfs, pid_t pid, Error *err) {
    int r = 0;
    size_t i = 0;
    for (size_t n = 0; n < rootfs->mount_n; n++)
        TRY(check(&rootfs->mount[n], err));
    TRY(mount_open_binds(rootfs, err));
    TRY(enter(rootfs->namespaces, pid, &rootfs->tree, err));
    for (; i < rootfs->mount_n && r >= 0; i += r >= 0)
        r = mount_one(rootfs, &rootfs->mount[i], err);
    r = r < 0 ? r : mount_make_readonly(rootfs, err);
    Error ignored;
    for (; r < 0 && i > 0; i--)
        (void)detach(rootfs->tree, rootfs->mount[i - 1].destination, &ignored);
    return r;
}

int live_mounts_remove(
    const Namespaces *namespaces, pid_t pid, const JsonObjects *mounts, Error *err) {
    const OciMount *mount = mounts->item;
    autoclose int root = -1;
    TRY(enter(namespaces, pid, &root, err));
    for (size_t i = 0; i < mounts->n; i++) {
        autofree char *absolute = path_join("/", mount[i].destination);
        autofree char *destination = path_clean(absolute);
        if (strcmp(destination, "/") == 0)
            return error_set(err, ERROR_INVALID, "'/' stays what it is while the container lives");
        TRY(detach(root, destination, err));
    }
    return 0;
}
