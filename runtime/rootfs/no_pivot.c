// SPDX-License-Identifier: Apache-2.0
#include "runtime/rootfs/no_pivot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/mountinfo.h"
#include "base/path.h"

/* The kernel lets a user namespace mount a new proc or sysfs where a whole one is in the mount
 * namespace already and nothing of it is covered (mount_too_revealing()). Without pivot_root(2) all
 * mounts of the host still are, though out of reach by name: each whole one would undo masked
 * paths. */

enum {
    MOUNTINFO_MAX = 16 << 20,
    STACKED_MAX = 64 /* mounts at one place */
};

static bool reveals(const char *point) {
    struct statfs fs;
    return statfs(point, &fs) == 0 && (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC);
}

/* Other mounts may be locked, by a user namespace: those are covered. */
static int hide(const char *point, Error *err) {
    for (int i = 0; i < STACKED_MAX && reveals(point); i++)
        if (umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
            break;
    if (!reveals(point) || mount("tmpfs", point, "tmpfs", MS_RDONLY, NULL) == 0)
        return 0;
    return error_set_errno(err, errno, "--no-pivot: cannot hide the host's '%s'", point);
}

int rootfs_hide_host(const char *own, Error *err) {
    autodone(Text) text = {};
    MountLine line;
    TRY(file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, err));
    char *lines = text.data;
    for (char *one; (one = strsep(&lines, "\n"));) {
        if (!mount_line_cut(one, &line) || strcmp(line.root, "/") != 0 ||
            (strcmp(line.type, "proc") != 0 && strcmp(line.type, "sysfs") != 0))
            continue;
        mount_name_unescape(line.point);
        if (own && path_is_within(line.point, own))
            continue;
        TRY(hide(line.point, err));
    }
    return 0;
}
