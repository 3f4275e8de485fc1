// SPDX-License-Identifier: Apache-2.0
#include "runtime/checkpoint/root.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/rootfs/mount_option.h"
#include "runtime/rootfs/tree.h"

static bool is_bind(const OciMount *mount) {
    autodone(MountOptions) options = {};
    mount_options_parse(&mount->options, &options);
    return options.bind || text_equal(mount->type, "bind");
}

/* Whether criu itself fills the place: it restores the contents of all but binds. */
static bool is_inside_restored(const OciSpec *spec, const char *destination) {
    const OciMount *mount = spec->mounts.item;
    size_t longest = 0;
    bool restored = false;
    for (size_t i = 0; i < spec->mounts.n; i++) {
        autofree char *above = path_clean(mount[i].destination);
        if (strcmp(above, destination) == 0 || !path_is_within(destination, above) ||
            strlen(above) < longest)
            continue;
        longest = strlen(above);
        restored = !is_bind(&mount[i]);
    }
    return restored;
}

/* Binds are mounted for now, since mount points may have to be made inside them. */
static int make_mount_point(
    int root, const OciMount *mount, const char *bundle, const char *destination, Error *err) {
    autoclose int target = -1, source = -1;
    struct stat st = {.st_mode = S_IFDIR};
    bool bind = is_bind(mount);
    if (bind) {
        const char *given = mount->source ? mount->source : "";
        autofree char *path = path_is_absolute(given) ? text_copy(given) : path_join(bundle, given);
        TRY(tree_clone(AT_FDCWD, path, true, &source, err));
        if (fstat(source, &st) < 0)
            return error_set_errno(err, errno, "cannot inspect '%s'", path);
    }
    TRY(tree_target(root, destination, S_ISDIR(st.st_mode), &target, err));
    return bind ? tree_attach(source, target, "", err) : 0;
}

static int make_mount_points(int root, const OciSpec *spec, const char *bundle, Error *err) {
    const OciMount *mount = spec->mounts.item;
    for (size_t i = 0; i < spec->mounts.n; i++) {
        autofree char *absolute = path_join("/", mount[i].destination);
        autofree char *destination = path_clean(absolute);
        if (is_inside_restored(spec, destination))
            continue;
        if (make_mount_point(root, &mount[i], bundle, destination, err) < 0)
            return error_prefix(err, "cannot make the mount point '%s'", destination);
    }
    return 0;
}

static int attach_clone(const char *rootfs, int place, int *ret_tree, Error *err) {
    TRY(tree_clone(AT_FDCWD, rootfs, true, ret_tree, err));
    return tree_attach(*ret_tree, place, "", err);
}

/* Away with the binds, and with the mount that held them. */
static int detach(int tree, Error *err) {
    if (fchdir(tree) < 0 || umount2(".", MNT_DETACH) < 0)
        return error_set_errno(err, errno, "cannot unmount the rootfs");
    return 0;
}

static int set_up(RestoreRoot *root, const Container *container, const OciSpec *spec, Error *err) {
    const char *rootfs = container->record.rootfs;
    struct mount_attr attr = {.propagation = MS_SLAVE};
    autoclose int place = -1, first = -1, second = -1;
    if (mkdirat(container->dir, RESTORE_ROOT_NAME, 0755) < 0 && errno != EEXIST)
        return error_set_errno(err, errno, "cannot make '%s'", RESTORE_ROOT_NAME);
    if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof attr) < 0)
        return error_set_errno(err, errno, "cannot separate criu's mounts from the host's");
    /* by path: the state directory's descriptor belongs to the mount namespace that we left */
    autofree char *state = container_path(container, RESTORE_ROOT_NAME);
    root->path = path_absolute(state);
    autofree char *directory = path_absolute(".");
    TRY(file_open(AT_FDCWD, root->path, O_PATH | O_DIRECTORY, 0, &place, err));
    TRY(attach_clone(rootfs, place, &first, err));
    TRY(make_mount_points(first, spec, container->record.bundle, err));
    TRY(detach(first, err));
    TRY(attach_clone(rootfs, place, &second, err));
    if (chdir(directory) < 0)
        return error_set_errno(err, errno, "cannot return to '%s'", directory);
    return 0;
}

int restore_root_enter(
    RestoreRoot *root, const Container *container, const OciSpec *spec, Error *err) {
    TRY(file_open(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY, 0, &root->host, err));
    TRY(file_open(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0, &root->cwd, err));
    if (unshare(CLONE_NEWNS) < 0)
        return error_set_errno(err, errno, "cannot make a mount namespace for criu");
    return set_up(root, container, spec, err);
}

int restore_root_leave(RestoreRoot *root, Error *err) {
    if (root->host < 0)
        return 0;
    if (setns(root->host, CLONE_NEWNS) < 0 || fchdir(root->cwd) < 0)
        return error_set_errno(err, errno, "cannot come back from criu's mount namespace");
    close(take_fd(&root->host));
    return 0;
}

void restore_root_done(RestoreRoot *root) {
    if (root->host >= 0)
        close(root->host);
    if (root->cwd >= 0)
        close(root->cwd);
    free(root->path);
    *root = (RestoreRoot)RESTORE_ROOT_INIT;
}
