// SPDX-License-Identifier: Apache-2.0
#include "runtime/rootfs/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"

int tree_clone(int dir, const char *path, bool recursive, int *ret_fd, Error *err) {
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (*path ? 0 : AT_EMPTY_PATH) |
                     (recursive ? AT_RECURSIVE : 0);
    int fd = open_tree(dir, path, flags);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot bind '%s'", path);
    *ret_fd = fd;
    return 0;
}

/* The kernel's reason for refusing an option is a message in the context's descriptor (fsopen(2)).
 */
static int fs_error(int fs, int sys, const char *type, const char *what, Error *err) {
    char message[512];
    ssize_t n = read(fs, message, sizeof message - 1);
    if (n > 2 && message[0] == 'e' && message[1] == ' ') {
        message[n] = '\0';
        message[strcspn(message, "\n")] = '\0';
        return error_set_errno(err, sys, "cannot make '%s'%s: %s", type, what, message + 2);
    }
    return error_set_errno(err, sys, "cannot make '%s'%s", type, what);
}

static int set_data(int fs, const char *type, const char *text, Error *err) {
    autofree char *key = text_copy(text);
    char *value = strchr(key, '=');
    if (value)
        *value++ = '\0';
    unsigned command = value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
    if (fsconfig(fs, command, key, value, 0) < 0) {
        autofree char *what = text_format(" with option \"%s\"", text);
        return fs_error(fs, errno, type, what, err);
    }
    return 0;
}

int tree_new(const char *type, const char *source, char *const *data, uint64_t attributes,
    int *ret_fd, Error *err) {
    autoclose int fs = fsopen(type, FSOPEN_CLOEXEC);
    if (fs < 0)
        return error_set_errno(err, errno, "cannot make '%s'", type);
    if (source && fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
        return fs_error(fs, errno, type, "", err);
    for (; data && *data; data++)
        TRY(set_data(fs, type, *data, err));
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return fs_error(fs, errno, type, "", err);
    int fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attributes);
    if (fd < 0)
        return fs_error(fs, errno, type, "", err);
    *ret_fd = fd;
    return 0;
}

int tree_attach(int tree, int target, const char *name, Error *err) {
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (*name ? 0 : MOVE_MOUNT_T_EMPTY_PATH);
    if (move_mount(tree, "", target, name, flags) < 0)
        return error_set_errno(err, errno, "cannot mount");
    return 0;
}

int tree_set_attributes(int tree, uint64_t set, uint64_t clear, bool recursive, Error *err) {
    struct mount_attr attr = {.attr_set = set, .attr_clr = clear};
    if (!set && !clear)
        return 0;
    if (mount_setattr(
            tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof attr) < 0)
        return error_set_errno(err, errno, "cannot change the attributes of a mount");
    return 0;
}

int tree_set_propagation(int tree, unsigned long propagation, bool recursive, Error *err) {
    struct mount_attr attr = {.propagation = propagation};
    if (mount_setattr(
            tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof attr) < 0)
        return error_set_errno(err, errno, "cannot change the propagation of a mount");
    return 0;
}

enum {
    SYMLINKS_MAX = 40 /* as the kernel's, path_resolution(7) */
};

static int make_file(int root, const char *path, int links, int *ret_fd, Error *err) {
    autofree char *parent = path_parent(path);
    autoclose int dir = -1, made = -1;
    TRY(file_make_dirs_in(root, parent, 0755, &dir, err));
    /* O_NONBLOCK: what appears here meanwhile may be a FIFO */
    int r = file_open_in(root, path, O_RDONLY | O_CREAT | O_NONBLOCK, 0644, &made, err);
    if (r == ERROR_NOT_FOUND &&
        links < SYMLINKS_MAX) { /* a symlink into directories that are not */
        autofree char *target = file_follow(dir, parent, path_name(path));
        if (target)
            return make_file(root, target, links + 1, ret_fd, err);
    }
    TRY(r);
    return file_open_in(root, path, O_PATH, 0, ret_fd, err);
}

int tree_target(int root, const char *path, bool directory, int *ret_fd, Error *err) {
    int r = file_open_in(root, path, O_PATH, 0, ret_fd, err);
    if (r != ERROR_NOT_FOUND)
        return r;
    return directory ? file_make_dirs_in(root, path, 0755, ret_fd, err)
                     : make_file(root, path, 0, ret_fd, err);
}
