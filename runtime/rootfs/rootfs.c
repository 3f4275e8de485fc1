// SPDX-License-Identifier: Apache-2.0
#include "runtime/rootfs/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "runtime/rootfs/idmap.h"
#include "runtime/rootfs/mount.h"
#include "runtime/rootfs/no_pivot.h"
#include "runtime/rootfs/tree.h"

/* Engines and people may write a path of the host for a place in the container's tree. */
static char *place_in_tree(const Rootfs *rootfs, const char *path) {
    autofree char *root = path_clean(rootfs->path), *clean = path_clean(path);
    bool inside = strcmp(root, "/") != 0 && strcmp(root, clean) != 0 && path_is_within(clean, root);
    return inside ? text_copy(clean + strlen(root)) : NULL;
}

static void parse_places(const Rootfs *rootfs, RootfsMount *mount) {
    const char *source = mount->config->source ? mount->config->source : "";
    autofree char *from =
        path_is_absolute(source) ? text_copy(source) : path_join(rootfs->bundle, source);
    autofree char *to = path_join("/", mount->config->destination);
    mount->inside = mount->options.bind ? place_in_tree(rootfs, from) : NULL;
    mount->destination = place_in_tree(rootfs, to);
    if (!mount->destination)
        mount->destination = path_clean(to);
}

/* SELinux labels what a new file system holds. Where it is off the kernel knows no such option. */
static int parse_label(const OciSpec *spec, char **ret, Error *err) {
    static const char *const types[] = {"context", "fscontext", "defcontext", "rootcontext"};
    const char *type = json_map_find(&spec->annotations, "run.oci.mount_context_type");
    size_t i = 0;
    while (type && i < array_size(types) && strcmp(type, types[i]) != 0)
        i++;
    if (i == array_size(types))
        return error_set(
            err, ERROR_INVALID, "annotation run.oci.mount_context_type: unknown word \"%s\"", type);
    if (spec->linux && !text_is_empty(spec->linux->mount_label) &&
        file_exists(AT_FDCWD, "/sys/fs/selinux/enforce"))
        *ret = text_format("%s=%s", types[i], spec->linux->mount_label);
    return 0;
}

/* As the reference runtime: kernel file systems have labels of their own. */
static bool takes_label(const RootfsMount *mount) {
    static const char *const without[] = {"proc", "sysfs", "mqueue", "cgroup", "cgroup2", NULL};
    if (mount->options.bind || !mount->config->type)
        return false;
    for (size_t i = 0; without[i]; i++)
        if (strcmp(mount->config->type, without[i]) == 0)
            return false;
    return true;
}

/* Read with the caller's privileges, like all that is the host's. */
static int parse_link(const Rootfs *rootfs, RootfsMount *mount, Error *err) {
    const MountOptions *o = &mount->options;
    const char *source = mount->config->source ? mount->config->source : "";
    char target[PATH_MAX];
    if (!o->bind || !o->copy_symlink)
        return 0;
    if (o->source_nofollow || o->destination_nofollow)
        return error_set(err, ERROR_INVALID,
            "copy-symlink cannot be combined with src-nofollow and dest-nofollow");
    autofree char *path =
        path_is_absolute(source) ? text_copy(source) : path_join(rootfs->bundle, source);
    ssize_t n = readlinkat(AT_FDCWD, path, target, sizeof target);
    if (n >= (ssize_t)sizeof target)
        return error_set_errno(err, ENAMETOOLONG, "cannot copy symlink '%s'", path);
    mount->link = n < 0 ? NULL : text_copy_n(target, (size_t)n);
    return 0;
}

static int check_mount(const RootfsMount *mount, Error *err) {
    if (strcmp(mount->destination, "/") == 0)
        return error_set(err, ERROR_INVALID, "destination: expected a place below '/'");
    if (mount->options.bind && text_is_empty(mount->config->source))
        return error_set(err, ERROR_INVALID, "source: expected a path");
    return 0;
}

static int parse_mount(const Rootfs *rootfs, RootfsMount *mount, Error *err) {
    TRY(check_mount(mount, err));
    TRY(parse_link(rootfs, mount, err));
    TRY(idmap_parse(rootfs, mount, err));
    return idmap_is_wanted(mount) ? idmap_check(rootfs, mount, err) : 0;
}

static int parse_mounts(Rootfs *rootfs, Error *err) {
    OciMount *config = rootfs->spec->mounts.item;
    rootfs->mount = new_array(RootfsMount, rootfs->spec->mounts.n);
    for (size_t i = 0; i < rootfs->spec->mounts.n; i++) {
        RootfsMount *mount = &rootfs->mount[rootfs->mount_n++];
        *mount = (RootfsMount){.config = &config[i], .source = -1, .id_map = -1};
        mount_options_parse(&config[i].options, &mount->options);
        if (text_equal(config[i].type, "bind"))
            mount->options.bind = true;
        if (rootfs->context && takes_label(mount))
            mount_options_add(&mount->options, rootfs->context);
        parse_places(rootfs, mount);
        if (parse_mount(rootfs, mount, err) < 0)
            return error_prefix(err, "mounts[%zu] ('%s')", i, config[i].destination);
    }
    return 0;
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

static RootfsOpener choose_opener(const Rootfs *rootfs) {
    return rootfs->user_namespace && geteuid() == 0 ? ROOTFS_FOR_INIT : ROOTFS_BY_INIT;
}

int rootfs_init(Rootfs *rootfs, const OciSpec *spec, const Namespaces *namespaces,
    const char *bundle, const Cgroup *cgroup, bool at_path, Error *err) {
    const char *path = spec->root->path;
    *rootfs = (Rootfs){.spec = spec,
        .namespaces = namespaces,
        .bundle = bundle,
        .path = path_is_absolute(path) ? text_copy(path) : path_join(bundle, path),
        .at_path = at_path,
        .tree = -1,
        .null = -1,
        .place = -1};
    rootfs->user_namespace = (namespaces->create | namespaces->join) & CLONE_NEWUSER;
    rootfs->opener = choose_opener(rootfs);
    TRY(parse_label(spec, &rootfs->context, err));
    TRY(parse_propagation(rootfs, spec->linux, err));
    TRY(parse_mounts(rootfs, err));
    cgroup_mounts_choose(rootfs, cgroup);
    return 0;
}

/* In init, whose mount namespace is a copy of the host's. Nothing that is mounted here may show on
 * the host; a slave still sees what the host mounts later, if the configuration wants it. */
int rootfs_attach(Rootfs *rootfs, Error *err) {
    struct mount_attr attr = {
        .propagation = rootfs->propagation == MS_PRIVATE ? MS_PRIVATE : MS_SLAVE};
    if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof attr) < 0)
        return error_set_errno(
            err, errno, "cannot separate the container's mounts from the host's");
    /* the clone is still a peer of what it was cloned from */
    attr.propagation = rootfs->propagation == MS_SHARED ? MS_SLAVE : attr.propagation;
    TRY(tree_set_propagation(rootfs->tree, attr.propagation, true, err));
    /* a shared root begins a peer group of its own */
    if (rootfs->propagation == MS_SHARED)
        TRY(tree_set_propagation(rootfs->tree, MS_PRIVATE, false, err));
    if (tree_attach(rootfs->tree, rootfs->place, "", err) < 0)
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

/* --no-pivot, for machines that run from an initramfs: the old root stays below. The tree is where
 * we are; on "/" nothing in it can be reached by a path. */
static int move_to_root(const Rootfs *rootfs, Error *err) {
    char own[PATH_MAX];
    if (rootfs->at_path && !getcwd(own, sizeof own))
        return error_set_errno(err, errno, "cannot find the rootfs '%s'", rootfs->path);
    TRY(rootfs_hide_host(rootfs->at_path ? own : NULL, err));
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
    return 0;
}

int rootfs_enter(const char *path, bool joined, Error *err) {
    autoclose int root = -1;
    int r = file_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, &root, err);
    if (r < 0)
        return joined && r == ERROR_NOT_FOUND ? 0 : error_prefix(err, "root.path");
    if (fchdir(root) < 0 || chroot(".") < 0)
        return error_set_errno(err, errno, "cannot enter the rootfs '%s'", path);
    return 0;
}

static void close_fd(int fd) {
    if (fd >= 0)
        close(fd);
}

void rootfs_done(Rootfs *rootfs) {
    for (size_t i = 0; i < rootfs->mount_n; i++) {
        close_fd(rootfs->mount[i].source);
        close_fd(rootfs->mount[i].id_map);
        free(rootfs->mount[i].destination);
        free(rootfs->mount[i].inside);
        free(rootfs->mount[i].link);
        free(rootfs->mount[i].uid_mappings.item);
        free(rootfs->mount[i].gid_mappings.item);
        mount_options_done(&rootfs->mount[i].options);
    }
    for (size_t i = 0; i < rootfs->cgroup_n; i++) {
        close_fd(rootfs->cgroup[i].tree);
        free(rootfs->cgroup[i].name);
        free(rootfs->cgroup[i].controllers);
        free(rootfs->cgroup[i].path);
    }
    close_fd(rootfs->tree);
    close_fd(rootfs->null);
    close_fd(rootfs->place);
    free(rootfs->mount);
    free(rootfs->cgroup);
    free(rootfs->readonly_later);
    free(rootfs->path);
    free(rootfs->context);
    *rootfs = ROOTFS_NONE;
}
