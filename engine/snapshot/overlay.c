// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/snapshot/driver.h"

/* Directory N holds fs/ (the tree) and, when writable, work/ (overlayfs' own). Layers are stacked
 * only by the mount: extraction of one layer needs no other, and layers are shared by all images
 * (Documentation/filesystems/overlayfs.rst). */

static int check_path(const char *path, Error *err) {
    /* In mount options ':' and ',' separate, and not every kernel and shim unescapes them. */
    if (strpbrk(path, ":,\\"))
        return error_set(err, ERROR_INVALID,
            "overlayfs cannot work in '%s': no ':', ',' or '\\' may be in the path", path);
    return 0;
}

static int set_up(const char *path, int dir, Error *err) {
    TRY(check_path(path, err));
    if (geteuid() == 0 && fsetxattr(dir, "trusted.overlay.opaque", "n", 1, 0) < 0)
        return error_set_errno(err, errno,
            "the file system of '%s' cannot hold overlayfs layers (trusted extended attributes)",
            path);
    if (geteuid() == 0)
        fremovexattr(dir, "trusted.overlay.opaque");
    return 0;
}

static int open_tree_at(int dir, uint64_t number, int *ret_fd, Error *err) {
    char name[40];
    snprintf(name, sizeof(name), "%" PRIu64 "/fs", number);
    return file_open(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, ret_fd, err);
}

static int make_dir(int dir, uint64_t number, const char *name, mode_t mode, Error *err) {
    char path[40];
    snprintf(path, sizeof(path), "%" PRIu64 "%s", number, name);
    if (mkdirat(dir, path, mode) < 0)
        return error_set_errno(err, errno, "cannot make snapshot %s", path);
    return 0;
}

/* The root directory of the mount is the upper one: it has to look like the image's. */
static int copy_root(int from, int to, Error *err) {
    struct stat status;
    if (fstat(from, &status) < 0 || fchown(to, status.st_uid, status.st_gid) < 0 ||
        fchmod(to, status.st_mode & 07777) < 0)
        return error_set_errno(err, errno, "cannot set up a snapshot's root directory");
    return 0;
}

static int prepare(const SnapshotStack *stack, int *ret_fd, Error *err) {
    uint64_t number = stack->number[0];
    autoclose int tree = -1, parent = -1;
    TRY(make_dir(stack->dir, number, "", 0700, err));
    TRY(make_dir(stack->dir, number, "/fs", 0755, err));
    if (stack->writable)
        TRY(make_dir(stack->dir, number, "/work", 0711, err));
    TRY(open_tree_at(stack->dir, number, &tree, err));
    if (stack->writable && stack->n > 1) {
        TRY(open_tree_at(stack->dir, stack->number[1], &parent, err));
        TRY(copy_root(parent, tree, err));
    }
    *ret_fd = take_fd(&tree);
    return 0;
}

static void add_path(Text *text, const SnapshotStack *stack, size_t i, const char *name) {
    text_append_format(text, "%s/%" PRIu64 "/%s", stack->path, stack->number[i], name);
}

static int mount_bind(const SnapshotStack *stack, SnapshotMount *ret) {
    autodone(Text) source = {};
    add_path(&source, stack, 0, "fs");
    ret->type = text_copy("bind");
    ret->source = text_take(&source);
    json_texts_add(&ret->options, stack->writable ? "rw" : "ro");
    json_texts_add(&ret->options, "rbind");
    return 0;
}

static int mount_layers(const SnapshotStack *stack, SnapshotMount *ret, Error *err) {
    size_t first = stack->writable ? 1 : 0;
    if (stack->n == 1)
        return mount_bind(stack, ret);
    ret->type = text_copy("overlay");
    ret->source = text_copy("overlay");
    /* With the index, an upper directory would refuse to be mounted with other layers again. */
    if (file_exists(AT_FDCWD, "/sys/module/overlay/parameters/index"))
        json_texts_add(&ret->options, "index=off");
    autodone(Text) option = {};
    if (stack->writable) {
        text_append(&option, "workdir=");
        add_path(&option, stack, 0, "work");
        json_texts_add(&ret->options, option.data);
        text_clear(&option);
        text_append(&option, "upperdir=");
        add_path(&option, stack, 0, "fs");
        json_texts_add(&ret->options, option.data);
        text_clear(&option);
    }
    text_append(&option, "lowerdir=");
    for (size_t i = first; i < stack->n; i++) {
        if (i > first)
            text_append_char(&option, ':');
        add_path(&option, stack, i, "fs");
    }
    json_texts_add(&ret->options, option.data);
    return 0;
}

const SnapshotDriver snapshot_overlay = {
    .name = "overlay",
    .set_up = set_up,
    .prepare = prepare,
    .open_tree = open_tree_at,
    .mount = mount_layers,
};
