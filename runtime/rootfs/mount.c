// SPDX-License-Identifier: Apache-2.0
#include "runtime/rootfs/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "runtime/rootfs/copy_up.h"
#include "runtime/rootfs/idmap.h"
#include "runtime/rootfs/tree.h"

/* Runs in init, in the container's namespaces, before the pivot. */

static bool is_on(int fd, long magic) {
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && fs.f_type == magic;
}

/* Files of /proc that may be covered: programs such as lxcfs make their contents. */
static bool may_cover(const char *destination) {
    static const char *const names[] = {"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg",
        "/proc/meminfo", "/proc/net/dev", "/proc/slabinfo", "/proc/stat", "/proc/swaps",
        "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled", "/proc/uptime", NULL};
    for (size_t i = 0; names[i]; i++)
        if (strcmp(destination, names[i]) == 0)
            return true;
    return false;
}

/* Decided on the file system that the place really is on, whatever symlinks led there. */
static int check_target(int target, const char *destination, Error *err) {
    if (is_on(target, PROC_SUPER_MAGIC) && !may_cover(destination) &&
        strcmp(destination, "/proc") != 0)
        return error_set(
            err, ERROR_DENIED, "'%s' cannot be mounted on: it is inside /proc", destination);
    return 0;
}

/* With option dest-nofollow a symlink that is there is itself mounted on. */
static int open_target(
    const Rootfs *rootfs, const RootfsMount *mount, bool directory, int *ret_fd, Error *err) {
    autofree char *parent = path_parent(mount->destination);
    autoclose int dir = -1;
    if (mount->options.destination_nofollow) {
        TRY(file_make_dirs_in(rootfs->tree, parent, 0755, &dir, err));
        int r = file_open(dir, path_name(mount->destination), O_PATH | O_NOFOLLOW, 0, ret_fd, err);
        if (r != ERROR_NOT_FOUND)
            return r;
    }
    return tree_target(rootfs->tree, mount->destination, directory, ret_fd, err);
}

int mount_attach(Rootfs *rootfs, int tree, const RootfsMount *mount, bool directory, Error *err) {
    autoclose int target = -1;
    TRY(open_target(rootfs, mount, directory, &target, err));
    TRY(check_target(target, mount->destination, err));
    return tree_attach(tree, target, "", err);
}

/* The flags of a mount, of those that the kernel can lock. */
static int read_attributes(int tree, uint64_t *ret, Error *err) {
    static const struct {
        unsigned long flag;
        uint64_t attribute;
    } rows[] = {{ST_RDONLY, MOUNT_ATTR_RDONLY}, {ST_NOSUID, MOUNT_ATTR_NOSUID},
        {ST_NODEV, MOUNT_ATTR_NODEV}, {ST_NOEXEC, MOUNT_ATTR_NOEXEC},
        {ST_NOATIME, MOUNT_ATTR_NOATIME}, {ST_NODIRATIME, MOUNT_ATTR_NODIRATIME},
        {ST_RELATIME, MOUNT_OPTION_RELATIME}};
    struct statvfs fs;
    *ret = 0;
    if (fstatvfs(tree, &fs) < 0)
        return error_set_errno(err, errno, "cannot inspect a mount");
    for (size_t i = 0; i < array_size(rows); i++)
        *ret |= fs.f_flag & rows[i].flag ? rows[i].attribute : 0;
    if (!(*ret & (MOUNT_ATTR_NOATIME | MOUNT_OPTION_RELATIME)))
        *ret |= MOUNT_ATTR_STRICTATIME;
    return 0;
}

/* In a user namespace the kernel has locked what the host set (mount_namespaces(7)): that stays,
 * unless the configuration names the contrary. */
static int keep_locked(const MountOptions *o, int tree, Error *err) {
    const uint64_t times = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;
    uint64_t now;
    TRY(read_attributes(tree, &now, err));
    if (now & o->clear)
        return error_set_errno(err, EPERM, "cannot clear locked flags");
    uint64_t wanted = o->set & MOUNT_ATTR__ATIME ? 0 : MOUNT_OPTION_RELATIME;
    if (o->access_time && ((o->set & times) | wanted) != (now & times))
        return error_set_errno(err, EPERM, "cannot change locked atime flags");
    return tree_set_attributes(tree, o->set & ~times, MOUNT_ATTR_NOSYMFOLLOW & ~o->set, false, err);
}

/* A bind with any option has these flags and no other, as for the reference runtime; only its
 * access time settings stay as they are if nothing chooses them. Without options it is as its
 * source. */
static int set_bind_attributes(const MountOptions *o, int tree, Error *err) {
    uint64_t clear = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
                     MOUNT_ATTR_NOSYMFOLLOW;
    if (!o->flagged)
        return 0;
    if (o->access_time)
        clear |= MOUNT_ATTR_NODIRATIME;
    clear &= ~o->set;
    if (o->access_time)
        clear |= MOUNT_ATTR__ATIME;
    int r = tree_set_attributes(tree, o->set, clear, false, err);
    return r < 0 && err->sys == EPERM ? keep_locked(o, tree, err) : r;
}

static int set_recursive_attributes(const MountOptions *o, int tree, Error *err) {
    return tree_set_attributes(tree, o->recursive_set, o->recursive_clear, true, err);
}

/* The tree as the mounts before this one have made it. */
static int open_inside(const Rootfs *rootfs, RootfsMount *mount, Error *err) {
    autoclose int place = -1;
    int nofollow = mount->options.source_nofollow ? O_NOFOLLOW : 0;
    TRY(file_open_in(rootfs->tree, mount->inside, O_PATH | nofollow, 0, &place, err));
    TRY(tree_clone(place, "", mount->options.recursive, &mount->source, err));
    if (!idmap_is_wanted(mount))
        return 0;
    if (mount->id_map >= 0)
        return idmap_apply(mount, mount->source, err);
    return rootfs->help->map_ids(
        rootfs->help->argument, mount->source, (size_t)(mount - rootfs->mount), err);
}

static int mount_bind(Rootfs *rootfs, RootfsMount *mount, Error *err) {
    const MountOptions *o = &mount->options;
    struct stat st;
    if (mount->inside)
        TRY(open_inside(rootfs, mount, err));
    if (fstat(mount->source, &st) < 0)
        return error_set_errno(err, errno, "cannot inspect '%s'", mount->config->source);
    if (strcmp(mount->destination, "/proc") == 0 && !is_on(mount->source, PROC_SUPER_MAGIC))
        return error_set(err, ERROR_DENIED, "only a procfs may be mounted on /proc");
    /* a private copy unless the configuration says otherwise, as for the reference runtimes */
    if (o->propagation)
        TRY(tree_set_propagation(mount->source, o->propagation, o->propagation_recursive, err));
    else
        TRY(tree_set_propagation(
            mount->source, rootfs->propagation == MS_PRIVATE ? MS_PRIVATE : MS_SLAVE, true, err));
    TRY(set_bind_attributes(o, mount->source, err));
    TRY(set_recursive_attributes(o, mount->source, err));
    TRY(mount_attach(rootfs, mount->source, mount, S_ISDIR(st.st_mode), err));
    close(take_fd(&mount->source)); /* limits on open files may be set before we are through */
    return 0;
}

int mount_make_readonly(const Rootfs *rootfs, Error *err) {
    for (size_t i = 0; i < rootfs->readonly_later_n; i++)
        TRY(tree_set_attributes(rootfs->readonly_later[i], MOUNT_ATTR_RDONLY, 0, false, err));
    return 0;
}

static void make_readonly_later(Rootfs *rootfs, int tree) {
    array_append(rootfs->readonly_later, rootfs->readonly_later_n, tree);
}

int mount_check_ordinary(const Rootfs *rootfs, const RootfsMount *mount, Error *err) {
    const char *destination = mount->destination;
    autofree char *parent = path_parent(destination);
    autoclose int dir = -1;
    struct stat st;
    int r = file_open_in(rootfs->tree, parent, O_PATH | O_DIRECTORY, 0, &dir, err);
    if (r == ERROR_NOT_FOUND)
        return 0;
    TRY(r);
    if (fstatat(dir, path_name(destination), &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
        return error_set(err, ERROR_DENIED, "must be mounted on ordinary directory");
    return 0;
}

static bool has_mode(const RootfsMount *mount) {
    for (size_t i = 0; i < mount->options.data_n; i++)
        if (text_starts(mount->options.data[i], "mode="))
            return true;
    return false;
}

/* A tmpfs takes the mode of the directory that it covers, unless it is told one. */
static char *mode_option(const Rootfs *rootfs, const RootfsMount *mount) {
    if (has_mode(mount))
        return NULL;
    autoclose int place = -1;
    struct stat st;
    Error ignored;
    if (file_open_in(rootfs->tree, mount->destination, O_PATH | O_DIRECTORY, 0, &place, &ignored) <
            0 ||
        fstat(place, &st) < 0)
        return NULL;
    return text_format("mode=%04o", st.st_mode & 07777);
}

static int make_tmpfs(Rootfs *rootfs, const RootfsMount *mount, int *ret_tree, Error *err) {
    const MountOptions *o = &mount->options;
    autofree char *mode = mode_option(rootfs, mount);
    autofree char **data = new_array(char *, o->data_n + 2);
    size_t n = 0;
    if (mode)
        data[n++] = mode;
    for (size_t i = 0; i < o->data_n; i++)
        data[n++] = o->data[i];
    const char *source = mount->config->source ? mount->config->source : "tmpfs";
    return tree_new("tmpfs", source, data, o->set & ~(uint64_t)MOUNT_ATTR_RDONLY, ret_tree, err);
}

static int mount_tmpfs(Rootfs *rootfs, RootfsMount *mount, Error *err) {
    MountOptions *o = &mount->options;
    autoclose int tree = take_fd(&mount->source);
    if (tree < 0)
        TRY(make_tmpfs(rootfs, mount, &tree, err));
    if (o->copy_up)
        TRY(copy_up(rootfs->tree, mount->destination, tree, err));
    TRY(mount_attach(rootfs, tree, mount, true, err));
    if (o->propagation)
        TRY(tree_set_propagation(tree, o->propagation, o->propagation_recursive, err));
    if (o->set & MOUNT_ATTR_RDONLY) /* mount points inside it may still have to be made */
        make_readonly_later(rootfs, take_fd(&tree));
    return 0;
}

static bool is_kernel_view(const char *type) {
    return strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0;
}

/* gid=5 is "tty" nearly everywhere and in every example; a user namespace that lacks it has the
 * terminals belong to their user's group. */
static int make_devpts(const RootfsMount *mount, int *ret_tree, Error *err) {
    const MountOptions *o = &mount->options;
    int r = tree_new("devpts", mount->config->source, o->data, o->set, ret_tree, err);
    if (r >= 0 || err->sys != EINVAL)
        return r;
    Error ignored;
    autofree char **data = new_array(char *, o->data_n + 1);
    for (size_t i = 0, n = 0; i < o->data_n; i++)
        if (!text_starts(o->data[i], "gid="))
            data[n++] = o->data[i];
    return tree_new("devpts", mount->config->source, data, o->set, ret_tree, &ignored) < 0 ? r : 0;
}

/* procfs and sysfs belong to the pid and network namespace; one that is not ours to rule, or whose
 * files are masked around us, is not mounted again in a user namespace (mount_namespaces(7)). Then
 * it is shown as it is outside, masks and all. */
static int bind_outer(const Rootfs *rootfs, const RootfsMount *mount, int *ret_tree, Error *err) {
    const char *path = text_equal(mount->config->type, "proc") ? "/proc" : "/sys";
    autoclose int tree = -1;
    if (!rootfs->user_namespace && !cgroup_is_rootless())
        return err->code;
    TRY(tree_clone(AT_FDCWD, path, true, &tree, err));
    TRY(tree_set_propagation(tree, MS_SLAVE, true, err));
    TRY(tree_set_attributes(tree, mount->options.set & ~(uint64_t)MOUNT_ATTR__ATIME, 0, true, err));
    *ret_tree = take_fd(&tree);
    return 0;
}

static int make_new(const Rootfs *rootfs, const RootfsMount *mount, int *ret_tree, Error *err) {
    const MountOptions *o = &mount->options;
    const char *type = mount->config->type;
    if (text_equal(type, "devpts"))
        return make_devpts(mount, ret_tree, err);
    if (is_kernel_view(type)) {
        int r = tree_new(type, mount->config->source, o->data, o->set, ret_tree, err);
        return r < 0 && err->sys == EPERM ? bind_outer(rootfs, mount, ret_tree, err) : r;
    }
    return tree_new(mount->config->type, mount->config->source, o->data, o->set, ret_tree, err);
}

static int mount_new(Rootfs *rootfs, RootfsMount *mount, Error *err) {
    const MountOptions *o = &mount->options;
    const char *type = mount->config->type;
    autoclose int tree = take_fd(&mount->source);
    if (text_is_empty(type))
        return error_set(err, ERROR_INVALID, "type: expected a file system type");
    if (is_kernel_view(type))
        TRY(mount_check_ordinary(rootfs, mount, err));
    if (tree < 0)
        TRY(make_new(rootfs, mount, &tree, err));
    TRY(set_recursive_attributes(o, tree, err));
    TRY(mount_attach(rootfs, tree, mount, true, err));
    if (o->propagation)
        TRY(tree_set_propagation(tree, o->propagation, o->propagation_recursive, err));
    return 0;
}

/* Option copy-symlink. What is there already must be the same. */
static int make_link(Rootfs *rootfs, RootfsMount *mount, Error *err) {
    autofree char *parent = path_parent(mount->destination);
    autoclose int dir = -1;
    char found[PATH_MAX];
    const char *name = path_name(mount->destination);
    TRY(file_make_dirs_in(rootfs->tree, parent, 0755, &dir, err));
    if (symlinkat(mount->link, dir, name) == 0)
        return 0;
    if (errno != EEXIST)
        return error_set_errno(err, errno, "cannot make symlink '%s'", mount->destination);
    ssize_t n = readlinkat(dir, name, found, sizeof found);
    if (n >= 0 && (size_t)n == strlen(mount->link) && memcmp(found, mount->link, (size_t)n) == 0)
        return 0;
    return error_set(err, ERROR_EXISTS, "cannot make symlink '%s' to '%s': something else is there",
        mount->destination, mount->link);
}

static MountKind *kind_of(const RootfsMount *mount) {
    const char *type = mount->config->type;
    if (mount->link)
        return make_link;
    if (mount->options.bind)
        return mount_bind;
    if (text_equal(type, "cgroup") || text_equal(type, "cgroup2"))
        return mount_cgroup;
    return text_equal(type, "tmpfs") ? mount_tmpfs : mount_new;
}

static int fail(const RootfsMount *mount, Error *err) {
    const char *what = mount->config->source ? mount->config->source : mount->config->type;
    return error_prefix(
        err, "error mounting \"%s\" to rootfs at \"%s\"", what ? what : "", mount->destination);
}

int mount_make(Rootfs *rootfs, RootfsMount *mount, Error *err) {
    MountKind *kind = kind_of(mount);
    int r = 0;
    if (kind == mount_tmpfs && has_mode(mount))
        r = make_tmpfs(rootfs, mount, &mount->source, err);
    else if (kind == mount_cgroup)
        r = mount_make_cgroup(rootfs, mount, err);
    else if (kind == mount_new && !text_is_empty(mount->config->type))
        r = make_new(rootfs, mount, &mount->source, err);
    return r < 0 ? fail(mount, err) : 0;
}

/* Whatever else stood there would be believed: labels written into it go nowhere (CVE-2019-16884).
 */
static int check_proc(const RootfsMount *mount, Error *err) {
    if (strcmp(mount->destination, "/proc") != 0 || mount->options.bind ||
        text_equal(mount->config->type, "proc"))
        return 0;
    return error_set(err, ERROR_DENIED, "only a procfs may be mounted on /proc");
}

int mount_one(Rootfs *rootfs, RootfsMount *mount, Error *err) {
    int r = check_proc(mount, err);
    if (r >= 0)
        r = kind_of(mount)(rootfs, mount, err);
    return r < 0 ? fail(mount, err) : 0;
}

int rootfs_mount(Rootfs *rootfs, const RootfsHelp *help, Error *err) {
    rootfs->help = help;
    for (size_t i = 0; i < rootfs->mount_n; i++)
        TRY(mount_one(rootfs, &rootfs->mount[i], err));
    return 0;
}
