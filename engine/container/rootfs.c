// SPDX-License-Identifier: Apache-2.0
#include "engine/container/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

static const char *option_of(const SnapshotMount *with, const char *name) {
    size_t n = strlen(name);
    for (size_t i = 0; i < with->options.n; i++) {
        if (strncmp(with->options.item[i], name, n) == 0)
            return with->options.item[i] + n;
    }
    return NULL;
}

/* To read, the writable layer is the topmost of the lower ones: unmounting an overlay that has an
 * upper directory syncs that directory's whole file system, which takes many milliseconds. */
static char *mount_data(const SnapshotMount *with, RootfsAccess access) {
    const char *upper = option_of(with, "upperdir="), *lower = option_of(with, "lowerdir=");
    if (access == ROOTFS_READ && upper && lower)
        return text_format("lowerdir=%s:%s", upper, lower);
    return texts_join(with->options.item, ",");
}

/* mount(2) and not fsconfig(2): the latter takes no value over 255 bytes before lowerdir+ came with
 * Linux 6.5, and a handful of layers is longer. */
int rootfs_open(const SnapshotMount *with, RootfsAccess access, const char *directory, int *ret_fd,
    Error *err) {
    if (text_equal(with->type, "bind"))
        return file_open(AT_FDCWD, with->source, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, ret_fd, err);
    unsigned long flags = MS_NODEV | MS_NOSUID | (access == ROOTFS_READ ? MS_RDONLY : 0);
    autofree char *data = mount_data(with, access);
    TRY(file_make_dirs(directory, 0700, err));
    if (mount(with->source, directory, with->type, flags, data) < 0)
        return error_set_errno(err, errno, "cannot mount the container's root file system");
    int r = file_open(AT_FDCWD, directory, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, ret_fd, err);
    umount2(directory, MNT_DETACH | UMOUNT_NOFOLLOW);
    rmdir(directory);
    return r;
}

int rootfs_sweep(const char *directory, Error *err) {
    while (umount2(directory, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
    }
    if (rmdir(directory) < 0 && errno != ENOENT)
        return error_set_errno(err, errno, "cannot remove '%s'", directory);
    return 0;
}
