// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "runtime/rootfs/rootfs.h"
#include "runtime/rootfs/tree.h"

/* Runs in init, before the pivot, with umask 0: device nodes have exactly the modes below. */

typedef struct Node {
    const char *path;
    mode_t mode; /* with S_IFCHR and so on */
    unsigned major, minor;
    uid_t uid;
    gid_t gid;
} Node;

/* config-linux.md#default-devices; ptmx and console are made elsewhere */
static const Node default_nodes[] = {
    {"/dev/null", S_IFCHR | 0666, 1, 3, 0, 0},
    {"/dev/zero", S_IFCHR | 0666, 1, 5, 0, 0},
    {"/dev/full", S_IFCHR | 0666, 1, 7, 0, 0},
    {"/dev/random", S_IFCHR | 0666, 1, 8, 0, 0},
    {"/dev/urandom", S_IFCHR | 0666, 1, 9, 0, 0},
    {"/dev/tty", S_IFCHR | 0666, 5, 0, 0, 0},
};

static const struct {
    const char *target, *name;
} links[] = {
    {"/proc/self/fd", "fd"},
    {"/proc/self/fd/0", "stdin"},
    {"/proc/self/fd/1", "stdout"},
    {"/proc/self/fd/2", "stderr"},
};

/* A file to bind a node on. One that is there is not opened: it may be a device, which is more than
 * looked at by that, or has no answer (/dev/tty without a terminal). */
static int make_target(int dir, const char *name, Error *err) {
    struct stat st;
    autoclose int made = -1;
    int r = file_open(dir, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666, &made, err);
    if (r >= 0 || err->sys != EEXIST)
        return r;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(err, errno, "cannot inspect '%s'", name);
    return S_ISLNK(st.st_mode) ? error_set_errno(err, ELOOP, "cannot open '%s'", name) : 0;
}

/* The node of the host, bound: in a user namespace mknod(2) is not allowed. */
static int bind_node(int dir, const char *name, const Node *node, Error *err) {
    autoclose int tree = -1;
    TRY(tree_clone(AT_FDCWD, node->path, false, &tree, err));
    TRY(make_target(dir, name, err));
    if (tree_attach(tree, dir, name, err) < 0)
        return error_prefix(err, "cannot bind '%s'", node->path);
    return 0;
}

static int check_existing(int dir, const char *name, const Node *node, Error *err) {
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(err, errno, "cannot inspect '%s'", node->path);
    if ((st.st_mode & S_IFMT) == (node->mode & S_IFMT) &&
        (S_ISFIFO(st.st_mode) || st.st_rdev == makedev(node->major, node->minor)))
        return 0;
    return error_set(err, ERROR_EXISTS, "cannot make '%s': something else is there", node->path);
}

static int make_node(
    const Rootfs *rootfs, int dir, const char *name, const Node *node, Error *err) {
    if (rootfs->user_namespace && !S_ISFIFO(node->mode))
        return bind_node(dir, name, node, err);
    if (mknodat(dir, name, node->mode, makedev(node->major, node->minor)) < 0) {
        if (errno == EEXIST)
            return check_existing(dir, name, node, err);
        if (errno == EPERM)
            return bind_node(dir, name, node, err);
        return error_set_errno(err, errno, "cannot make device '%s'", node->path);
    }
    if ((node->uid || node->gid) &&
        fchownat(dir, name, node->uid, node->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(err, errno, "cannot change the owner of '%s'", node->path);
    return 0;
}

static int node_of_config(const OciDevice *device, Node *ret, Error *err) {
    static const struct {
        const char *word;
        mode_t type;
    } types[] = {{"c", S_IFCHR}, {"u", S_IFCHR}, {"b", S_IFBLK}, {"p", S_IFIFO}};
    for (size_t t = 0; t < array_size(types); t++) {
        if (strcmp(types[t].word, device->type) != 0)
            continue;
        *ret = (Node){.path = device->path,
            .mode = types[t].type |
                    (mode_t)(device->file_mode.set ? device->file_mode.value & 07777 : 0666),
            .major = (unsigned)device->major.value,
            .minor = (unsigned)device->minor.value,
            .uid = (uid_t)device->uid.value,
            .gid = (gid_t)device->gid.value};
        return 0;
    }
    return error_set(err, ERROR_INVALID, "type: unknown device type \"%s\"", device->type);
}

static int make_one(const Rootfs *rootfs, const OciDevice *device, Error *err) {
    Node node;
    TRY(node_of_config(device, &node, err));
    autofree char *absolute = path_join("/", device->path);
    autofree char *clean = path_clean(absolute), *parent = path_parent(clean);
    autoclose int dir = -1;
    if (strcmp(clean, "/") == 0)
        return error_set(err, ERROR_INVALID, "path: expected the path of a device");
    if (strcmp(clean, "/dev/ptmx") == 0)
        return 0; /* always devpts' own */
    TRY(file_make_dirs_in(rootfs->tree, parent, 0755, &dir, err));
    return make_node(rootfs, dir, path_name(clean), &node, err);
}

static int make_configured(const Rootfs *rootfs, Error *err) {
    const OciDevice *device = rootfs->spec->linux ? rootfs->spec->linux->devices.item : NULL;
    for (size_t i = 0; device && i < rootfs->spec->linux->devices.n; i++)
        if (make_one(rootfs, &device[i], err) < 0)
            return error_prefix(err, "linux.devices[%zu]", i);
    return 0;
}

static int make_link(int dev, const char *target, const char *name, Error *err) {
    if (symlinkat(target, dev, name) < 0 && errno != EEXIST)
        return error_set_errno(err, errno, "cannot make '/dev/%s'", name);
    return 0;
}

/* /dev/ptmx must be the container's own devpts instance, whatever the image has there. */
static int make_ptmx(int dev, Error *err) {
    if (unlinkat(dev, "ptmx", 0) < 0 && errno != ENOENT)
        return error_set_errno(err, errno, "cannot replace '/dev/ptmx'");
    return make_link(dev, "pts/ptmx", "ptmx", err);
}

/* Somebody who binds a whole /dev means it as it is. */
static bool brings_own_dev(const Rootfs *rootfs) {
    for (size_t i = 0; i < rootfs->mount_n; i++) {
        if (rootfs->mount[i].options.bind && strcmp(rootfs->mount[i].destination, "/dev") == 0)
            return true;
    }
    return false;
}

int rootfs_make_devices(Rootfs *rootfs, Error *err) {
    autoclose int dev = -1;
    if (brings_own_dev(rootfs))
        return 0;
    TRY(file_make_dirs_in(rootfs->tree, "/dev", 0755, &dev, err));
    TRY(make_configured(rootfs, err));
    for (size_t i = 0; i < array_size(default_nodes); i++)
        TRY(make_node(rootfs, dev, path_name(default_nodes[i].path), &default_nodes[i], err));
    TRY(make_ptmx(dev, err));
    for (size_t i = 0; i < array_size(links); i++)
        TRY(make_link(dev, links[i].target, links[i].name, err));
    if (faccessat(rootfs->tree, "proc/kcore", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        TRY(make_link(dev, "/proc/kcore", "core", err));
    return 0;
}

/* The terminal's descriptor, not a name, is what is bound (CVE-2025-52565). */
int rootfs_bind_console(Rootfs *rootfs, int terminal, Error *err) {
    autoclose int tree = -1, dev = -1, made = -1;
    TRY(tree_clone(terminal, "", false, &tree, err));
    TRY(file_make_dirs_in(rootfs->tree, "/dev", 0755, &dev, err));
    int r = file_open(dev, "console", O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0620, &made, err);
    if (r < 0 && r != ERROR_EXISTS)
        return r;
    struct stat st;
    if (fstatat(dev, "console", &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(st.st_mode))
        return error_set(err, ERROR_DENIED, "'/dev/console' is a symlink");
    if (tree_attach(tree, dev, "console", err) < 0)
        return error_prefix(err, "cannot bind the terminal on '/dev/console'");
    return 0;
}
