// SPDX-License-Identifier: Apache-2.0
#include "engine/container/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

/* mount(2) and not fsconfig(2): the latter takes no value over 255 bytes before lowerdir+ came with
 * Linux 6.5, and a handful of layers is longer. */
int rootfs_open(const SnapshotMount *with, const char *directory, int *ret_fd, Error *err) {
    if (text_equal(with->type, "bind"))
        return file_open(AT_FDCWD, with->source, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, ret_fd, err);
    autofree char *data = texts_join(with->options.item, ",");
    TRY(file_make_dirs(directory, 0700, err));
    if (mount(with->source, directory, with->type, MS_NODEV | MS_NOSUID, data) < 0)
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
