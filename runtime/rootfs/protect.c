// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "runtime/rootfs/mount.h"
#include "runtime/rootfs/tree.h"

/* Runs in init, when all of the container's mounts exist. A path that is absent is no danger;
 * any other failure to protect it ends the start. */

static int protect_readonly(const Rootfs *rootfs, const char *path, Error *err) {
    autoclose int target = -1, tree = -1;
    int r = file_open_in(rootfs->tree, path, O_PATH, 0, &target, err);
    if (r == ERROR_NOT_FOUND)
        return 0;
    TRY(r);
    TRY(tree_clone(target, "", true, &tree, err));
    TRY(tree_set_attributes(tree, MOUNT_ATTR_RDONLY, 0, true, err));
    return tree_attach(tree, target, "", err);
}

/* A mount can be attached once; the next mask is a clone of the one that is attached already. */
typedef struct Mask {
    int tree;
    bool used;
} Mask;

static int attach_mask(Mask *mask, int target, Error *err) {
    if (!mask->used) {
        mask->used = true;
        return tree_attach(mask->tree, target, "", err);
    }
    autoclose int clone = -1;
    TRY(tree_clone(mask->tree, "", false, &clone, err));
    return tree_attach(clone, target, "", err);
}

/* Directories are covered by an empty file system, everything else by the null device. */
static int mask_path(
    const Rootfs *rootfs, Mask *file, Mask *directory, const char *path, Error *err) {
    autoclose int target = -1;
    struct stat st;
    int r = file_open_in(rootfs->tree, path, O_PATH, 0, &target, err);
    if (r == ERROR_NOT_FOUND || (r < 0 && err->sys == ENOTDIR))
        return 0;
    TRY(r);
    if (fstat(target, &st) < 0)
        return error_set_errno(err, errno, "cannot inspect '%s'", path);
    if (!S_ISDIR(st.st_mode))
        return attach_mask(file, target, err);
    if (directory->tree < 0)
        TRY(tree_new("tmpfs", "tmpfs", (char *const[]){rootfs->context, NULL},
            MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
            &directory->tree, err));
    return attach_mask(directory, target, err);
}

static bool is_repeated(const JsonTexts *paths, size_t index) {
    autofree char *clean = path_clean(paths->item[index]);
    bool found = false;
    for (size_t i = 0; i < index && !found; i++) {
        autofree char *earlier = path_clean(paths->item[i]);
        found = strcmp(earlier, clean) == 0;
    }
    return found;
}

static int mask_paths(Rootfs *rootfs, const JsonTexts *paths, Error *err) {
    autoclose int tmpfs = -1;
    Mask file = {.tree = rootfs->null}, directory = {.tree = -1};
    int r = 0;
    for (size_t i = 0; r >= 0 && i < paths->n; i++) {
        if (is_repeated(paths, i))
            continue;
        r = mask_path(rootfs, &file, &directory, paths->item[i], err);
        if (r < 0)
            error_prefix(err, "cannot mask '%s'", paths->item[i]);
    }
    tmpfs = directory.tree;
    return r;
}

/* The root itself is mounted over by nothing, but made read-only as root.readonly does it. */
static bool is_root(const char *path) {
    autofree char *clean = path_clean(path);
    return strcmp(clean, "/") == 0;
}

static int protect_all_readonly(
    const Rootfs *rootfs, const JsonTexts *paths, bool *ret_root, Error *err) {
    for (size_t i = 0; i < paths->n; i++) {
        bool root = is_root(paths->item[i]);
        *ret_root = *ret_root || root;
        if (!root && protect_readonly(rootfs, paths->item[i], err) < 0)
            return error_prefix(err, "cannot make '%s' read-only", paths->item[i]);
    }
    return 0;
}

int rootfs_protect(Rootfs *rootfs, Error *err) {
    const OciLinux *config = rootfs->spec->linux;
    bool readonly = rootfs->spec->root->readonly.value;
    if (config)
        TRY(protect_all_readonly(rootfs, &config->readonly_paths, &readonly, err));
    if (config)
        TRY(mask_paths(rootfs, &config->masked_paths, err));
    TRY(mount_make_readonly(rootfs, err));
    if (rootfs->propagation) /* last: an unbindable tree cannot be protected */
        TRY(tree_set_propagation(
            rootfs->tree, rootfs->propagation, rootfs->propagation_recursive, err));
    if (readonly)
        TRY(tree_set_attributes(rootfs->tree, MOUNT_ATTR_RDONLY, 0, false, err));
    return 0;
}
