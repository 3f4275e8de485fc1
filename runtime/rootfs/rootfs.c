// SPDX-License-Identifier: Apache-2.0
#include "runtime/rootfs/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "runtime/rootfs/idmap.h"
#include "runtime/rootfs/tree.h"

static int open_source(RootfsMount *mount, const char *bundle, Error *err) {
    const char *source = mount->config->source ? mount->config->source : "";
    autofree char *path = path_is_absolute(source) ? text_copy(source) : path_join(bundle, source);
    TRY(tree_clone(AT_FDCWD, path, mount->options.recursive, &mount->source, err));
    return 0;
}

static bool wants_id_map(const RootfsMount *mount) {
    return mount->options.id_map || mount->config->uid_mappings.n || mount->config->gid_mappings.n;
}

static int open_mount(Rootfs *rootfs, RootfsMount *mount, const char *bundle, Error *err) {
    mount_options_parse(&mount->config->options, &mount->options);
    if (text_equal(mount->config->type, "bind"))
        mount->options.bind = true;
    if (mount->options.bind)
        TRY(open_source(mount, bundle, err));
    if (wants_id_map(mount))
        TRY(idmap_open(rootfs->spec, mount, err));
    return 0;
}

static int open_mounts(Rootfs *rootfs, const char *bundle, Error *err) {
    OciMount *config = rootfs->spec->mounts.item;
    rootfs->mount = new_array(RootfsMount, rootfs->spec->mounts.n);
    for (size_t i = 0; i < rootfs->spec->mounts.n; i++) {
        RootfsMount *mount = &rootfs->mount[rootfs->mount_n++];
        *mount = (RootfsMount){.config = &config[i], .source = -1, .user_namespace = -1};
        if (open_mount(rootfs, mount, bundle, err) < 0)
            return error_prefix(err, "mounts[%zu] ('%s')", i, config[i].destination);
    }
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

static bool mounts_cgroup(const Rootfs *rootfs) {
    for (size_t i = 0; i < rootfs->mount_n; i++)
        if (!rootfs->mount[i].options.bind &&
            text_starts(
                rootfs->mount[i].config->type ? rootfs->mount[i].config->type : "", "cgroup"))
            return true;
    return false;
}

/* A container sees its own directories of the cgroup hierarchies as their roots. On hybrid machines
 * the unified one has no controllers and is left out, as the reference runtime does. */
static int open_cgroups(Rootfs *rootfs, const Cgroup *cgroup, Error *err) {
    if (!mounts_cgroup(rootfs))
        return 0;
    for (size_t i = 0; i < cgroup->n; i++) {
        const CgroupDirectory *directory = &cgroup->item[i];
        if (directory->fd < 0 || (!*directory->controllers && !cgroup->v2))
            continue;
        const char *name = cgroup->v2 ? "" : path_name(directory->mount);
        RootfsCgroup bind = {
            .name = text_copy(name), .controllers = directory->controllers, .tree = -1};
        int r = tree_clone(AT_FDCWD, directory->path, true, &bind.tree, err);
        array_append(rootfs->cgroup, rootfs->cgroup_n, bind);
        TRY(r);
    }
    return 0;
}

static bool makes_user_namespace(const OciSpec *spec) {
    const OciNamespace *namespace = spec->linux ? spec->linux->namespaces.item : NULL;
    for (size_t i = 0; namespace && i < spec->linux->namespaces.n; i++)
        if (strcmp(namespace[i].type, "user") == 0)
            return true;
    return false;
}

static int parse_propagation(Rootfs *rootfs, const OciLinux *config, Error *err) {
    const char *word = config ? config->rootfs_propagation : NULL;
    if (text_is_empty(word))
        return 0;
    rootfs->propagation = mount_option_propagation(word, &rootfs->propagation_recursive);
    if (!rootfs->propagation)
        return error_set(err, ERROR_INVALID, "linux.rootfsPropagation: unknown word \"%s\"", word);
    return 0;
}

int rootfs_open(
    Rootfs *rootfs, const OciSpec *spec, const char *bundle, const Cgroup *cgroup, Error *err) {
    *rootfs = (Rootfs){.spec = spec, .tree = -1, .null = -1};
    const char *path = spec->root->path;
    rootfs->path = path_is_absolute(path) ? text_copy(path) : path_join(bundle, path);
    rootfs->user_namespace = makes_user_namespace(spec);
    TRY(parse_propagation(rootfs, spec->linux, err));
    if (tree_clone(AT_FDCWD, rootfs->path, true, &rootfs->tree, err) < 0)
        return error_prefix(err, "root.path");
    TRY(open_null(rootfs, err));
    TRY(open_mounts(rootfs, bundle, err));
    return open_cgroups(rootfs, cgroup, err);
}

/* In init, whose mount namespace is a copy of the host's. Nothing that is mounted here may show on
 * the host; a slave still sees what the host mounts later, if the configuration wants it. */
int rootfs_attach(Rootfs *rootfs, bool at_path, Error *err) {
    struct mount_attr attr = {
        .propagation = rootfs->propagation == MS_PRIVATE ? MS_PRIVATE : MS_SLAVE};
    if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof attr) < 0)
        return error_set_errno(
            err, errno, "cannot separate the container's mounts from the host's");
    /* the clone is still a peer of what it was cloned from */
    attr.propagation = rootfs->propagation == MS_SHARED ? MS_SLAVE : attr.propagation;
    TRY(tree_set_propagation(rootfs->tree, attr.propagation, true, err));
    autoclose int place = -1;
    TRY(file_open(AT_FDCWD, at_path ? rootfs->path : "/", O_PATH | O_DIRECTORY, 0, &place, err));
    rootfs->at_path = at_path;
    if (tree_attach(rootfs->tree, place, "", err) < 0)
        return error_prefix(err, "cannot mount the rootfs '%s'", rootfs->path);
    return 0;
}

/* pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the new one. */
static int pivot(Error *err) {
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        return error_set_errno(err, errno, "cannot pivot into the rootfs");
    if (umount2(".", MNT_DETACH) < 0)
        return error_set_errno(err, errno, "cannot detach the host's root");
    return 0;
}

/* --no-pivot, for machines that run from an initramfs: the old root stays below, so all that can be
 * reached from it goes first. */
static int move_to_root(const Rootfs *rootfs, Error *err) {
    (void)umount2("/sys", MNT_DETACH);
    (void)umount2("/proc", MNT_DETACH);
    if ((rootfs->at_path && mount(".", "/", NULL, MS_MOVE, NULL) < 0) || chroot(".") < 0)
        return error_set_errno(err, errno, "cannot move the rootfs '%s' to '/'", rootfs->path);
    return 0;
}

int rootfs_pivot(Rootfs *rootfs, Error *err) {
    if (fchdir(rootfs->tree) < 0)
        return error_set_errno(err, errno, "cannot enter the rootfs '%s'", rootfs->path);
    TRY(rootfs->no_pivot ? move_to_root(rootfs, err) : pivot(err));
    if (chdir("/") < 0)
        return error_set_errno(err, errno, "cannot enter the container's '/'");
    if (rootfs->propagation)
        TRY(tree_set_propagation(
            rootfs->tree, rootfs->propagation, rootfs->propagation_recursive, err));
    return 0;
}

static void close_fd(int fd) {
    if (fd >= 0)
        close(fd);
}

void rootfs_done(Rootfs *rootfs) {
    for (size_t i = 0; i < rootfs->mount_n; i++) {
        close_fd(rootfs->mount[i].source);
        close_fd(rootfs->mount[i].user_namespace);
        mount_options_done(&rootfs->mount[i].options);
    }
    for (size_t i = 0; i < rootfs->cgroup_n; i++) {
        close_fd(rootfs->cgroup[i].tree);
        free(rootfs->cgroup[i].name);
    }
    close_fd(rootfs->tree);
    close_fd(rootfs->null);
    free(rootfs->mount);
    free(rootfs->cgroup);
    free(rootfs->readonly_later);
    free(rootfs->path);
    *rootfs = (Rootfs){.tree = -1, .null = -1};
}
