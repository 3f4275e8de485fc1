// SPDX-License-Identifier: Apache-2.0
#include "runtime/rootfs/copy_up.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

static int copy_directory(int from, int to, Error *err);

static int copy_owner(int to, const char *name, const struct stat *st, Error *err) {
    if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0))
        return error_set_errno(err, errno, "cannot copy '%s'", name);
    return 0;
}

static int copy_file(int from, int to, const char *name, Error *err) {
    autoclose int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    autoclose int out =
        openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    ssize_t n = in < 0 || out < 0 ? -1 : 1;
    while (n > 0)
        n = sendfile(out, in, NULL, 1 << 20);
    if (n < 0)
        return error_set_errno(err, errno, "cannot copy '%s'", name);
    return 0;
}

static int copy_link(int from, int to, const char *name, Error *err) {
    char target[PATH_MAX];
    ssize_t n = readlinkat(from, name, target, sizeof target - 1);
    if (n >= 0)
        target[n] = '\0';
    if (n < 0 || symlinkat(target, to, name) < 0)
        return error_set_errno(err, errno, "cannot copy '%s'", name);
    return 0;
}

static int copy_children(int from, int to, const char *name, Error *err) {
    autoclose int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0 || mkdirat(to, name, 0700) < 0)
        return error_set_errno(err, errno, "cannot copy '%s'", name);
    autoclose int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (out < 0)
        return error_set_errno(err, errno, "cannot copy '%s'", name);
    return copy_directory(in, out, err);
}

static int copy_entry(int from, int to, const char *name, Error *err) {
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(err, errno, "cannot copy '%s'", name);
    if (S_ISDIR(st.st_mode))
        TRY(copy_children(from, to, name, err));
    else if (S_ISREG(st.st_mode))
        TRY(copy_file(from, to, name, err));
    else if (S_ISLNK(st.st_mode))
        TRY(copy_link(from, to, name, err));
    else if (mknodat(to, name, st.st_mode, st.st_rdev) < 0)
        return error_set_errno(err, errno, "cannot copy '%s'", name);
    return copy_owner(to, name, &st, err);
}

static int copy_directory(int from, int to, Error *err) {
    int copy = dup(from);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (!stream)
        return error_set_errno(err, errno, "cannot list a directory");
    int r = 0;
    for (struct dirent *entry; r >= 0 && (entry = readdir(stream));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = copy_entry(from, to, entry->d_name, err);
    closedir(stream);
    return r;
}

int copy_up(int root, const char *path, int tree, Error *err) {
    autoclose int from = -1;
    int r = file_open_in(root, path, O_RDONLY | O_DIRECTORY, 0, &from, err);
    if (r == ERROR_NOT_FOUND)
        return 0;
    TRY(r);
    return copy_directory(from, tree, err);
}
