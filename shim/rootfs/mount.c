// SPDX-License-Identifier: Apache-2.0
#include "shim/rootfs/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "shim/rootfs/mapped.h"

enum {
    LAYERS_MAX = 240
}; /* as many "/proc/self/fd/N" fit a page */

typedef struct FlagOption {
    const char *name;
    unsigned long set, clear;
} FlagOption;

static const FlagOption flag_options[] = {
    {"async", 0, MS_SYNCHRONOUS},
    {"atime", 0, MS_NOATIME},
    {"bind", MS_BIND, 0},
    {"defaults", 0, 0},
    {"dev", 0, MS_NODEV},
    {"diratime", 0, MS_NODIRATIME},
    {"dirsync", MS_DIRSYNC, 0},
    {"exec", 0, MS_NOEXEC},
    {"mand", MS_MANDLOCK, 0},
    {"noatime", MS_NOATIME, 0},
    {"nodev", MS_NODEV, 0},
    {"nodiratime", MS_NODIRATIME, 0},
    {"noexec", MS_NOEXEC, 0},
    {"nomand", 0, MS_MANDLOCK},
    {"norelatime", 0, MS_RELATIME},
    {"nostrictatime", 0, MS_STRICTATIME},
    {"nosuid", MS_NOSUID, 0},
    {"rbind", MS_BIND | MS_REC, 0},
    {"relatime", MS_RELATIME, 0},
    {"remount", MS_REMOUNT, 0},
    {"ro", MS_RDONLY, 0},
    {"rw", 0, MS_RDONLY},
    {"strictatime", MS_STRICTATIME, 0},
    {"suid", 0, MS_NOSUID},
    {"sync", MS_SYNCHRONOUS, 0},
};

/* The request's options, sorted into flags and the file system's own. */
typedef struct MountData {
    unsigned long flags;
    Text text; /* "lowerdir=/a:/b,upperdir=/c" */
} MountData;

static bool apply_flag(const char *option, unsigned long *flags) {
    for (size_t i = 0; i < array_size(flag_options); i++)
        if (strcmp(option, flag_options[i].name) == 0) {
            *flags = (*flags | flag_options[i].set) & ~flag_options[i].clear;
            return true;
        }
    return false;
}

static void sort_options(const Containerd__Types__Mount *wanted, MountData *ret) {
    for (size_t i = 0; i < wanted->n_options; i++) {
        if (apply_flag(wanted->options[i], &ret->flags))
            continue;
        if (ret->text.length)
            text_append_char(&ret->text, ',');
        text_append(&ret->text, wanted->options[i]);
    }
}

/* Directories by descriptors: mount data is limited to a page, and 200 layers have long names.
 * Works on every kernel (lowerdir+ needs 6.8) but shows "/proc/self/fd/N" in mountinfo; hence only
 * for what does not fit. */
static int shorten(const char *option, Text *ret, int *fds, size_t *fds_n, Error *err) {
    const char *value = strchr(option, '=');
    if (!text_starts(option, "lowerdir=") && !text_starts(option, "upperdir=") &&
        !text_starts(option, "workdir=")) {
        text_append(ret, option);
        return 0;
    }
    text_append_bytes(ret, option, (size_t)(value + 1 - option));
    autotexts char **directories = texts_split(value + 1, ':');
    for (size_t i = 0; directories && directories[i]; i++) {
        char through[FD_PATH_SIZE];
        if (*fds_n >= LAYERS_MAX)
            return error_set(err, ERROR_EXHAUSTED, "more than %d layers", LAYERS_MAX);
        TRY(file_open(AT_FDCWD, directories[i], O_PATH | O_DIRECTORY, 0, &fds[*fds_n], err));
        text_append_format(ret, "%s%s", i ? ":" : "", fd_path(fds[(*fds_n)++], through));
    }
    return 0;
}

static int shorten_all(
    const Containerd__Types__Mount *wanted, Text *ret, int *fds, size_t *fds_n, Error *err) {
    unsigned long ignored = 0;
    for (size_t i = 0; i < wanted->n_options; i++) {
        if (apply_flag(wanted->options[i], &ignored))
            continue;
        if (ret->length)
            text_append_char(ret, ',');
        TRY(shorten(wanted->options[i], ret, fds, fds_n, err));
    }
    if (ret->length >= (size_t)getpagesize())
        return error_set(err, ERROR_EXHAUSTED, "the options are longer than a page");
    return 0;
}

static int mount_new(
    const Containerd__Types__Mount *wanted, const MountData *data, const char *target, Error *err) {
    autodone(Text) text = {};
    int fds[LAYERS_MAX], r = 0;
    size_t fds_n = 0;
    if (data->text.length >= (size_t)getpagesize())
        r = shorten_all(wanted, &text, fds, &fds_n, err);
    const char *options = text.length ? text.data : data->text.data;
    if (r >= 0 && mount(wanted->source, target, wanted->type, data->flags, options) < 0)
        r = error_set_errno(err, errno, "%s of '%s'", wanted->type, wanted->source);
    for (size_t i = 0; i < fds_n; i++)
        close(fds[i]);
    return r;
}

/* mount(2) ignores all flags but MS_REC of a bind mount that is new. */
static int mount_bind(
    const Containerd__Types__Mount *wanted, const MountData *data, const char *target, Error *err) {
    unsigned long bind = data->flags & (MS_BIND | MS_REC), rest = data->flags & ~bind;
    if (mount(wanted->source, target, NULL, bind, NULL) < 0)
        return error_set_errno(err, errno, "bind of '%s'", wanted->source);
    if (rest && mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | rest, NULL) < 0)
        return error_set_errno(err, errno, "flags of '%s'", wanted->source);
    return 0;
}

/* A target below the rootfs is resolved inside of it: an image controls what is there. */
static int mount_one(const Containerd__Types__Mount *wanted, const char *rootfs, Error *err) {
    MountData data = {};
    char through[FD_PATH_SIZE];
    const char *target = rootfs;
    autoclose int root = -1, below = -1;
    if (!text_is_empty(wanted->target) && !text_equal(wanted->target, "/")) {
        TRY(file_open(AT_FDCWD, rootfs, O_PATH | O_DIRECTORY, 0, &root, err));
        TRY(file_open_in(root, wanted->target, O_PATH | O_DIRECTORY, 0, &below, err));
        target = fd_path(below, through);
    }
    sort_options(wanted, &data);
    int r = data.flags & MS_BIND ? mount_bind(wanted, &data, target, err)
                                 : mount_new(wanted, &data, target, err);
    text_done(&data.text);
    return r;
}

int mount_all(Containerd__Types__Mount *const *mounts, size_t n, const char *target, Error *err) {
    if (n == 0)
        return 0;
    TRY(file_make_dirs(target, 0711, err));
    for (size_t i = 0; i < n; i++) {
        int r = mapped_mount_is(mounts[i]) ? mapped_mount(mounts[i], target, mount_one, err)
                                           : mount_one(mounts[i], target, err);
        if (r < 0) {
            Error ignored;
            mount_remove_all(target, &ignored);
            return error_prefix(err, "cannot mount the rootfs on '%s'", target);
        }
    }
    return 0;
}

int mount_remove_all(const char *target, Error *err) {
    while (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        ;
    if (errno == EINVAL || errno == ENOENT)
        return 0;
    return error_set_errno(err, errno, "cannot unmount '%s'", target);
}
