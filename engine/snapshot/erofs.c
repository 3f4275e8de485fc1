// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fsverity.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/snapshot/driver.h"
#include "engine/snapshot/loop.h"

/* A finished layer is one file, an EROFS image of its tree, whiteouts and marks included:
 *
 *     N/fs, N/work     while it is filled, and of what is writable, as with overlayfs
 *     N/layer.erofs    the finished layer; N/fs goes once its record is there
 *     N/mnt            where it is mounted, from its first use until it is removed
 *
 * Containers run on an overlay of these mounts. The kernel mounts a file itself since Linux 6.12
 * (Documentation/filesystems/erofs.rst); before, a loop device carries it. */
#define IMAGE "layer.erofs"
#define MKFS_TIME (3600 * TIME_SECOND)

#ifndef EROFS_SUPER_MAGIC_V1
#define EROFS_SUPER_MAGIC_V1 0xE0F5E1E2
#endif

/* Two who need a layer at once mount it once. */
static pthread_mutex_t mounting = PTHREAD_MUTEX_INITIALIZER;

static int set_up(const char *path, int dir, Error *err) {
    autodone(Text) known = {};
    autofree char *program = NULL;
    TRY(snapshot_overlay.set_up(path, dir, err));
    TRY(file_read(AT_FDCWD, "/proc/filesystems", 1 << 16, &known, err));
    if (!known.data || !strstr(known.data, "\terofs\n"))
        return error_set(err, ERROR_UNSUPPORTED, "this kernel has no EROFS");
    if (process_find_program("mkfs.erofs", &program, err) < 0)
        return error_set(err, ERROR_UNSUPPORTED,
            "there is no mkfs.erofs (package erofs-utils) in $PATH to make images with");
    return 0;
}

/* A detached mount: it lives as long as somebody holds it. */
static int mount_source(const char *source, int *ret_fd, Error *err) {
    autoclose int context = fsopen("erofs", FSOPEN_CLOEXEC);
    if (context < 0)
        return error_set_errno(err, errno, "cannot mount EROFS");
    if (fsconfig(context, FSCONFIG_SET_STRING, "source", source, 0) < 0 ||
        fsconfig(context, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0 ||
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return error_set_errno(err, errno, "cannot mount EROFS image '%s'", source);
    int fd = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot mount EROFS image '%s'", source);
    *ret_fd = fd;
    return 0;
}

static int mount_image(const SnapshotStack *stack, size_t i, int *ret_fd, Error *err) {
    autodone(Text) path = {};
    autoclose int loop = -1;
    snapshot_directory_path(stack, i, IMAGE, &path);
    if (mount_source(path.data, ret_fd, err) == 0)
        return 0;
    if (err->sys != ENOTBLK)
        return err->code;
    char device[LOOP_PATH_SIZE];
    TRY(loop_attach(path.data, &loop, device, err));
    return mount_source(device, ret_fd, err);
}

static bool is_finished(const SnapshotStack *stack, size_t i) {
    char name[48];
    snprintf(name, sizeof(name), "%" PRIu64 "/fs", stack->number[i]);
    return !file_exists(stack->dir, name);
}

static int open_tree_at(const SnapshotStack *stack, size_t i, int *ret_fd, Error *err) {
    return is_finished(stack, i) ? mount_image(stack, i, ret_fd, err)
                                 : snapshot_directory_open(stack, i, "/fs", ret_fd, err);
}

static int open_tree_of(const SnapshotStack *stack, int *ret_fd, Error *err) {
    return open_tree_at(stack, 0, ret_fd, err);
}

static int prepare(const SnapshotStack *stack, int *ret_fd, Error *err) {
    autoclose int parent = -1;
    if (stack->writable && stack->n > 1)
        TRY(open_tree_at(stack, 1, &parent, err));
    return snapshot_prepare_upper(stack, parent, ret_fd, err);
}

/* Whatever it says is for the log of whoever calls us: its last words are the error. */
static int run_mkfs(const char *image, const char *tree, Error *err) {
    autofree char *program = NULL;
    autodone(Text) output = {};
    int status;
    TRY(process_find_program("mkfs.erofs", &program, err));
    const char *const argv[] = {program, "--quiet", image, tree, NULL};
    ProcessSpawn spawn = PROCESS_SPAWN_INIT;
    spawn.argv = argv;
    TRY(process_run(&spawn, 1 << 16, MKFS_TIME, &output, &status, err));
    if (process_exit_code(status) != 0)
        return error_set(err, ERROR_INTERNAL, "mkfs.erofs failed for '%s': exit status %d", tree,
            process_exit_code(status));
    return 0;
}

/* Where the disk can hash what it reads, it does; where not, nothing is lost. */
static void seal(int image) {
    const struct fsverity_enable_arg arguments = {
        .version = 1, .hash_algorithm = FS_VERITY_HASH_ALG_SHA256, .block_size = 4096};
    ioctl(image, FS_IOC_ENABLE_VERITY, &arguments);
}

static int finish(const SnapshotStack *stack, Error *err) {
    autodone(Text) image = {};
    autodone(Text) tree = {};
    autoclose int directory = -1, file = -1;
    TRY(snapshot_directory_open(stack, 0, "", &directory, err));
    TRY(file_remove(directory, IMAGE, err)); /* of an attempt that was killed */
    snapshot_directory_path(stack, 0, IMAGE, &image);
    snapshot_directory_path(stack, 0, "fs", &tree);
    TRY(run_mkfs(image.data, tree.data, err));
    TRY(file_open(directory, IMAGE, O_RDONLY | O_NOFOLLOW, 0, &file, err));
    if (fchmod(file, 0400) < 0 || mkdirat(directory, "mnt", 0700) < 0)
        if (errno != EEXIST)
            return error_set_errno(err, errno, "cannot finish '%s'", image.data);
    seal(file);
    return 0;
}

static int shed(const SnapshotStack *stack, Error *err) {
    autoclose int directory = -1;
    TRY(snapshot_directory_open(stack, 0, "", &directory, err));
    TRY(file_remove_tree(directory, "work", err));
    /* renamed first: a tree of which half is gone is none */
    if (renameat(directory, "fs", directory, "old") < 0 && errno != ENOENT)
        return error_set_errno(err, errno, "cannot remove what an EROFS image replaced");
    return file_remove_tree(directory, "old", err);
}

static bool is_mounted(int point) {
    struct statfs status;
    return fstatfs(point, &status) == 0 && status.f_type == (__fsword_t)EROFS_SUPER_MAGIC_V1;
}

static int show_locked(const SnapshotStack *stack, size_t i, Error *err) {
    autodone(Text) path = {};
    autoclose int point = -1, image = -1;
    snapshot_directory_path(stack, i, "mnt", &path);
    TRY(file_open(AT_FDCWD, path.data, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, &point, err));
    if (is_mounted(point))
        return 0;
    TRY(mount_image(stack, i, &image, err));
    if (move_mount(image, "", point, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return error_set_errno(err, errno, "cannot mount on '%s'", path.data);
    return 0;
}

static int show(const SnapshotStack *stack, size_t i, Error *err) {
    pthread_mutex_lock(&mounting);
    int code = show_locked(stack, i, err);
    pthread_mutex_unlock(&mounting);
    return code;
}

static int mount_layers(const SnapshotStack *stack, SnapshotMount *ret, Error *err) {
    for (size_t i = stack->writable ? 1 : 0; i < stack->n; i++)
        TRY(show(stack, i, err));
    if (stack->n > 1)
        return snapshot_mount_overlay(stack, "mnt", ret, err);
    TRY(snapshot_mount_bind(stack, ret, err));
    if (!stack->writable && is_finished(stack, 0)) {
        autodone(Text) path = {};
        snapshot_directory_path(stack, 0, "mnt", &path);
        free(ret->source);
        ret->source = text_take(&path);
    }
    return 0;
}

/* Overlays that use the mount have clones of their own and do not mind. */
static int unmount(const SnapshotStack *stack, Error *err) {
    autodone(Text) path = {};
    snapshot_directory_path(stack, 0, "mnt", &path);
    while (umount2(path.data, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
    }
    if (errno != EINVAL && errno != ENOENT)
        return error_set_errno(err, errno, "cannot unmount '%s'", path.data);
    return 0;
}

const SnapshotDriver snapshot_erofs = {
    .name = "erofs",
    .snapshotter = "erofs",
    .set_up = set_up,
    .prepare = prepare,
    .finish = finish,
    .shed = shed,
    .open_tree = open_tree_of,
    .mount = mount_layers,
    .unmount = unmount,
};
