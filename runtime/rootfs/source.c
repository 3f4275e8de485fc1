// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "runtime/rootfs/idmap.h"
#include "runtime/rootfs/mount.h"
#include "runtime/rootfs/rootfs.h"
#include "runtime/rootfs/tree.h"

/* What a container takes from the host, as detached clones. */

static bool has_source(const RootfsMount *mount) {
    return mount->options.bind && !mount->inside && !mount->link;
}

static int clone_source(const RootfsMount *mount, const char *path, int *ret_fd, Error *err) {
    const MountOptions *o = &mount->options;
    autoclose int place = -1;
    if (!o->source_nofollow)
        return tree_clone(AT_FDCWD, path, o->recursive, ret_fd, err);
    TRY(file_open(AT_FDCWD, path, O_PATH | O_NOFOLLOW, 0, &place, err));
    return tree_clone(place, "", o->recursive, ret_fd, err);
}

static int open_source(const Rootfs *rootfs, RootfsMount *mount, Error *err) {
    if (idmap_is_wanted(mount) && mount->id_map < 0)
        TRY(idmap_open(rootfs, mount, err));
    if (!has_source(mount)) /* of what is inside there is nothing yet */
        return 0;
    const char *source = mount->config->source ? mount->config->source : "";
    autofree char *path =
        path_is_absolute(source) ? text_copy(source) : path_join(rootfs->bundle, source);
    TRY(clone_source(mount, path, &mount->source, err));
    return idmap_is_wanted(mount) ? idmap_apply(mount, mount->source, err) : 0;
}

static int fail(const Rootfs *rootfs, size_t i, Error *err) {
    return error_prefix(err, "mounts[%zu] ('%s')", i, rootfs->mount[i].config->destination);
}

static int open_bind(Rootfs *rootfs, size_t i, Error *err) {
    RootfsMount *mount = &rootfs->mount[i];
    bool failed = mount->options.bind && open_source(rootfs, mount, err) < 0;
    return failed ? fail(rootfs, i, err) : 0;
}

int mount_open_binds(Rootfs *rootfs, Error *err) {
    for (size_t i = 0; i < rootfs->mount_n; i++)
        TRY(open_bind(rootfs, i, err));
    return 0;
}

static int open_sources(Rootfs *rootfs, Error *err) {
    for (size_t i = 0; i < rootfs->mount_n; i++) {
        RootfsMount *mount = &rootfs->mount[i];
        TRY(open_bind(rootfs, i, err));
        if (!mount->options.bind && !rootfs->user_namespace)
            TRY(mount_make(rootfs, mount, err));
    }
    return 0;
}

int rootfs_prepare(Rootfs *rootfs, Error *err) {
    for (size_t i = 0; i < rootfs->mount_n && !rootfs->user_namespace; i++)
        if (idmap_is_wanted(&rootfs->mount[i]) && idmap_open(rootfs, &rootfs->mount[i], err) < 0)
            return fail(rootfs, i, err);
    return 0;
}

/* Masks are bound from this one: a container's /dev/null could be anything (CVE-2025-31133). */
static int open_null(Rootfs *rootfs, Error *err) {
    struct stat st;
    TRY(tree_clone(AT_FDCWD, "/dev/null", false, &rootfs->null, err));
    if (fstat(rootfs->null, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        return error_set(err, ERROR_STATE, "'/dev/null' of this machine is not the null device");
    return 0;
}

static int open_cgroups(Rootfs *rootfs, Error *err) {
    for (size_t i = 0; i < rootfs->cgroup_n; i++)
        TRY(cgroup_mount_open(&rootfs->cgroup[i], err));
    return 0;
}

int rootfs_open(Rootfs *rootfs, Error *err) {
    struct stat st;
    if (tree_clone(AT_FDCWD, rootfs->path, true, &rootfs->tree, err) < 0)
        return error_prefix(err, "root.path");
    if (fstat(rootfs->tree, &st) < 0 || !S_ISDIR(st.st_mode))
        return error_set(err, ERROR_INVALID, "root.path: '%s' is no directory", rootfs->path);
    TRY(file_open(AT_FDCWD, rootfs->at_path ? rootfs->path : "/", O_PATH | O_DIRECTORY, 0,
        &rootfs->place, err));
    TRY(open_null(rootfs, err));
    TRY(open_sources(rootfs, err));
    return open_cgroups(rootfs, err);
}

/* Where paths begin: the mount namespace of a process, its root and its working directory. */
typedef struct View {
    int namespace, root, directory;
} View;

static void view_done(View *view) {
    const int fds[] = {view->namespace, view->root, view->directory};
    for (size_t i = 0; i < array_size(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}
CLEANUP_DEFINE_DONE(View, view_done)

static int view_open(View *view, pid_t pid, Error *err) {
    const struct {
        const char *name;
        int flags, *fd;
    } files[] = {{"ns/mnt", O_RDONLY, &view->namespace},
        {"root", O_PATH | O_DIRECTORY, &view->root},
        {"cwd", O_PATH | O_DIRECTORY, &view->directory}};
    for (size_t i = 0; i < array_size(files); i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/%s", pid, files[i].name);
        TRY(file_open(AT_FDCWD, path, files[i].flags, 0, files[i].fd, err));
    }
    return 0;
}

/* setns(2) leaves us at the namespace's own root, which need not be the process's. */
static int view_enter(const View *view, Error *err) {
    if (setns(view->namespace, CLONE_NEWNS) < 0 || fchdir(view->root) < 0 || chroot(".") < 0 ||
        fchdir(view->directory) < 0)
        return error_set_errno(err, errno, "cannot enter the container's mounts");
    return 0;
}

int rootfs_open_inside(Rootfs *rootfs, pid_t pid, Error *err) {
    autodone(View) ours = {-1, -1, -1};
    autodone(View) theirs = {-1, -1, -1};
    TRY(view_open(&ours, getpid(), err));
    TRY(view_open(&theirs, pid, err));
    int r = view_enter(&theirs, err);
    r = r < 0 ? r : rootfs_open(rootfs, err);
    Error back;
    if (view_enter(&ours, &back) < 0) {
        *err = back;
        return error_prefix(err, "cannot leave the container's mounts");
    }
    return r;
}

/* Every descriptor that rootfs_open makes, in one order. The caller frees the array. */
static int **descriptors(Rootfs *rootfs, size_t *ret_n) {
    int **slot = new_array(int *, 3 + rootfs->mount_n + rootfs->cgroup_n);
    size_t n = 0;
    slot[n++] = &rootfs->tree;
    slot[n++] = &rootfs->place;
    slot[n++] = &rootfs->null;
    for (size_t i = 0; i < rootfs->mount_n; i++)
        if (has_source(&rootfs->mount[i]))
            slot[n++] = &rootfs->mount[i].source;
    for (size_t i = 0; i < rootfs->cgroup_n; i++)
        if (rootfs->cgroup[i].path)
            slot[n++] = &rootfs->cgroup[i].tree;
    *ret_n = n;
    return slot;
}

int rootfs_send(Rootfs *rootfs, int socket, Error *err) {
    size_t n;
    autofree int **slot = descriptors(rootfs, &n);
    for (size_t first = 0; first < n; first += FD_SEND_MAX) {
        size_t count = n - first < FD_SEND_MAX ? n - first : FD_SEND_MAX;
        int fds[FD_SEND_MAX];
        for (size_t i = 0; i < count; i++)
            fds[i] = *slot[first + i];
        TRY(fd_send(socket, fds, count, err));
    }
    return 0;
}

int rootfs_receive(Rootfs *rootfs, int socket, Error *err) {
    size_t n;
    autofree int **slot = descriptors(rootfs, &n);
    for (size_t first = 0; first < n; first += FD_SEND_MAX) {
        size_t count = n - first < FD_SEND_MAX ? n - first : FD_SEND_MAX;
        int fds[FD_SEND_MAX];
        TRY(fd_receive_all(socket, fds, count, err));
        for (size_t i = 0; i < count; i++)
            *slot[first + i] = fds[i];
    }
    return 0;
}
