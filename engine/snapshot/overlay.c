// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "base/memory.h"
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

static int copy_root(int from, int to, Error *err) {
    struct stat status;
    if (fstat(from, &status) < 0 || fchown(to, status.st_uid, status.st_gid) < 0 ||
        fchmod(to, status.st_mode & 07777) < 0)
        return error_set_errno(err, errno, "cannot set up a snapshot's root directory");
    return 0;
}

int snapshot_prepare_upper(const SnapshotStack *stack, int parent, int *ret_fd, Error *err) {
    autoclose int tree = -1;
    TRY(snapshot_directory_make(stack, "", 0700, err));
    TRY(snapshot_directory_make(stack, "/fs", 0755, err));
    if (stack->writable)
        TRY(snapshot_directory_make(stack, "/work", 0711, err));
    TRY(snapshot_directory_open(stack, 0, "/fs", &tree, err));
    if (parent >= 0)
        TRY(copy_root(parent, tree, err));
    *ret_fd = take_fd(&tree);
    return 0;
}

static int prepare(const SnapshotStack *stack, int *ret_fd, Error *err) {
    autoclose int parent = -1;
    if (stack->writable && stack->n > 1)
        TRY(snapshot_directory_open(stack, 1, "/fs", &parent, err));
    return snapshot_prepare_upper(stack, parent, ret_fd, err);
}

/* What the kernel was built to do by itself. With the index, an upper directory would refuse to be
 * mounted with other layers again. With the others it would hold files without their data, and
 * directories under old names: no layer for anybody else (docs/decisions/0017). */
static void add_switches(JsonTexts *options) {
    static const struct {
        const char *path, *off;
        bool always;
    } rows[] = {
        {"/sys/module/overlay/parameters/index", "index=off", true},
        {"/sys/module/overlay/parameters/metacopy", "metacopy=off", false},
        {"/sys/module/overlay/parameters/redirect_dir", "redirect_dir=off", false},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        autodone(Text) value = {};
        Error absent;
        if (file_read(AT_FDCWD, rows[i].path, 16, &value, &absent) == 0 &&
            (rows[i].always || (value.data && value.data[0] == 'Y')))
            json_texts_add(options, rows[i].off);
    }
}

int snapshot_mount_overlay(
    const SnapshotStack *stack, const char *lower, SnapshotMount *ret, Error *err) {
    size_t first = stack->writable ? 1 : 0;
    ret->type = text_copy("overlay");
    ret->source = text_copy("overlay");
    add_switches(&ret->options);
    autodone(Text) option = {};
    if (stack->writable) {
        text_append(&option, "workdir=");
        snapshot_directory_path(stack, 0, "work", &option);
        json_texts_add(&ret->options, option.data);
        text_clear(&option);
        text_append(&option, "upperdir=");
        snapshot_directory_path(stack, 0, "fs", &option);
        json_texts_add(&ret->options, option.data);
        text_clear(&option);
    }
    text_append(&option, "lowerdir=");
    for (size_t i = first; i < stack->n; i++) {
        if (i > first)
            text_append_char(&option, ':');
        snapshot_directory_path(stack, i, lower, &option);
    }
    json_texts_add(&ret->options, option.data);
    return 0;
}

static int mount_layers(const SnapshotStack *stack, SnapshotMount *ret, Error *err) {
    return stack->n == 1 ? snapshot_mount_bind(stack, ret, err)
                         : snapshot_mount_overlay(stack, "fs", ret, err);
}

const SnapshotDriver snapshot_overlay = {
    .name = "overlay",
    .snapshotter = "overlayfs",
    .set_up = set_up,
    .prepare = prepare,
    .open_tree = snapshot_directory_tree,
    .mount = mount_layers,
};
