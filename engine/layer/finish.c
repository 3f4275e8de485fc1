// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "engine/layer/layer.h"

/* In the engine, after tare-unpack has ended: trusted.* attributes need CAP_SYS_ADMIN, which the
 * program that reads hostile bytes does not have, and other layers are not its business. Nobody
 * writes to these trees any more; paths still resolve inside them only. */

static int open_directory(int tree, const char *path, int *ret_fd, Error *err) {
    return file_open_in(tree, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0, ret_fd, err);
}

/* overlayfs shows the owner, mode and times of the uppermost directory: one that the tar does not
 * list must not change those of the layer below. */
static int adopt(int tree, const char *path, const int *parents, size_t n, Error *err) {
    autoclose int fd = -1;
    TRY(open_directory(tree, path, &fd, err));
    for (size_t i = 0; i < n; i++) {
        struct stat status;
        autoclose int below = -1;
        Error absent;
        if (open_directory(parents[i], path, &below, &absent) < 0)
            continue;
        if (fstat(below, &status) < 0)
            return error_set_errno(err, errno, "cannot read '/%s'", path);
        struct timespec times[2] = {status.st_atim, status.st_mtim};
        if (fchown(fd, status.st_uid, status.st_gid) < 0 ||
            fchmod(fd, status.st_mode & 07777) < 0 || futimens(fd, times) < 0)
            return error_set_errno(err, errno, "cannot set up directory '/%s'", path);
        break;
    }
    return 0;
}

static int make_opaque(int tree, const char *path, Error *err) {
    autoclose int fd = -1;
    TRY(open_directory(tree, path, &fd, err));
    if (fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0)
        return error_set_errno(err, errno, "cannot mark '/%s' as opaque", path);
    return 0;
}

int layer_finish(int tree, const LayerResult *result, const int *parents, size_t n, Error *err) {
    for (size_t i = 0; i < result->implicit.n; i++)
        TRY(adopt(tree, result->implicit.item[i], parents, n, err));
    for (size_t i = 0; i < result->opaque.n; i++)
        TRY(make_opaque(tree, result->opaque.item[i], err));
    return 0;
}
