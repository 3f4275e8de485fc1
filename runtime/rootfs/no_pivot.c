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

typedef struct Points {
    char **all; /* where something is mounted, the older first */
    size_t n;
    char **view; /* of these: a whole proc or sysfs */
    size_t view_n;
} Points;

static void points_done(Points *points) {
    free(points->all);
    free(points->view);
}
CLEANUP_DEFINE_DONE(Points, points_done)

static void points_read(char *lines, const char *own, Points *ret) {
    MountLine line;
    for (char *one; (one = strsep(&lines, "\n"));) {
        if (!mount_line_cut(one, &line))
            continue;
        mount_name_unescape(line.point);
        if (own && path_is_within(line.point, own))
            continue;
        array_append(ret->all, ret->n, line.point);
        if (strcmp(line.root, "/") == 0 &&
            (strcmp(line.type, "proc") == 0 || strcmp(line.type, "sysfs") == 0))
            array_append(ret->view, ret->view_n, line.point);
    }
}

/* One that another mount covers counts as well, but has no name: the younger go first. */
static void detach_above(const Points *points, const char *view, const char *own) {
    for (size_t i = points->n; i-- > 0;) {
        const char *point = points->all[i];
        if (strcmp(point, "/") != 0 && path_is_within(view, point) &&
            !(own && path_is_within(own, point)))
            (void)umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW);
    }
}

int rootfs_hide_host(const char *own, Error *err) {
    autodone(Text) text = {};
    autodone(Points) points = {};
    TRY(file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, err));
    points_read(text.data, own, &points);
    for (size_t i = 0; i < points.view_n; i++)
        detach_above(&points, points.view[i], own);
    for (size_t i = 0; i < points.view_n; i++)
        TRY(hide(points.view[i], err));
    return 0;
}
