// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"

static int open_resolved(
    int root, const char *path, int flags, mode_t mode, uint64_t resolve, int *ret_fd, Error *err) {
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC), .mode = mode, .resolve = resolve};
    long fd;
    do /* EAGAIN: a rename or mount raced with ".." resolution (openat2(2)) */
        fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof how);
    while (fd < 0 && (errno == EAGAIN || errno == EINTR));
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open '%s'", path);
    *ret_fd = (int)fd;
    return 0;
}

int file_open_in(int root, const char *path, int flags, mode_t mode, int *ret_fd, Error *err) {
    return open_resolved(
        root, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, ret_fd, err);
}

int file_open_beneath(int root, const char *path, int flags, mode_t mode, int *ret_fd, Error *err) {
    return open_resolved(root, path, flags, mode,
        RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS, ret_fd, err);
}

int file_open(int dir, const char *path, int flags, mode_t mode, int *ret_fd, Error *err) {
    int fd;
    while ((fd = openat(dir, path, flags | O_CLOEXEC, mode)) < 0 && errno == EINTR)
        ;
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open '%s'", path);
    *ret_fd = fd;
    return 0;
}

int file_open_directory(int dir, const char *path, DIR **ret, Error *err) {
    int fd;
    TRY(file_open(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd, err));
    DIR *stream = fdopendir(fd);
    if (!stream) {
        int sys = errno;
        close(fd);
        return error_set_errno(err, sys, "cannot list '%s'", path);
    }
    *ret = stream;
    return 0;
}

enum {
    SYMLINKS_MAX = 40 /* as the kernel's, path_resolution(7) */
};

char *file_follow(int dir, const char *parent, const char *name) {
    char target[PATH_MAX];
    ssize_t n = readlinkat(dir, name, target, sizeof target - 1);
    if (n < 0)
        return NULL;
    target[n] = '\0';
    return path_is_absolute(target) ? text_copy(target) : path_join(parent, target);
}

static int make_dirs_in(
    int root, const char *path, mode_t mode, int links, int *ret_fd, Error *err);

/* `at`/NAME is a symlink that leads nowhere: makes what it names. */
static int make_dirs_behind(
    int root, int at, const char *path, mode_t mode, int links, int *ret_fd, Error *err) {
    autofree char *parent = path_parent(path);
    autofree char *target = file_follow(at, parent, path_name(path));
    if (!target || links == SYMLINKS_MAX)
        return error_set_errno(err, target ? ELOOP : ENOENT, "cannot make directory '%s'", path);
    return make_dirs_in(root, target, mode, links + 1, ret_fd, err);
}

/* From the longest path that exists: most are there but for their last component. Each prefix is
 * resolved afresh from root, so that symlinks in it count; a component is made on the descriptor of
 * its verified parent. */
static int make_dirs_in(
    int root, const char *path, mode_t mode, int links, int *ret_fd, Error *err) {
    autofree char *clean = path_clean(path);
    int r = file_open_in(root, clean, O_PATH | O_DIRECTORY, 0, ret_fd, err);
    if (r != ERROR_NOT_FOUND || strcmp(clean, "/") == 0 || strcmp(clean, ".") == 0)
        return r;
    autofree char *parent = path_parent(clean);
    autoclose int at = -1;
    TRY(make_dirs_in(root, parent, mode, links, &at, err));
    if (mkdirat(at, path_name(clean), mode) < 0 && errno != EEXIST)
        return error_set_errno(err, errno, "cannot make directory '%s'", clean);
    r = file_open_in(root, clean, O_PATH | O_DIRECTORY, 0, ret_fd, err);
    return r == ERROR_NOT_FOUND ? make_dirs_behind(root, at, clean, mode, links, ret_fd, err) : r;
}

int file_make_dirs_in(int root, const char *path, mode_t mode, int *ret_fd, Error *err) {
    return make_dirs_in(root, path, mode, 0, ret_fd, err);
}

int file_make_dirs_at(int dir, const char *path, mode_t mode, Error *err) {
    autofree char *clean = path_clean(path);
    for (char *end = clean + 1;; end++) {
        if (*end && *end != '/')
            continue;
        char saved = *end;
        *end = '\0';
        if (mkdirat(dir, clean, saved ? 0755 : mode) < 0 && errno != EEXIST)
            return error_set_errno(err, errno, "cannot make directory '%s'", clean);
        *end = saved;
        if (!saved)
            break;
    }
    struct stat st;
    if (fstatat(dir, clean, &st, 0) < 0)
        return error_set_errno(err, errno, "cannot make directory '%s'", clean);
    if (!S_ISDIR(st.st_mode))
        return error_set_errno(err, ENOTDIR, "cannot make directory '%s'", clean);
    return 0;
}

int file_make_dirs(const char *path, mode_t mode, Error *err) {
    return file_make_dirs_at(AT_FDCWD, path, mode, err);
}

int file_read(int dir, const char *path, size_t limit, Text *ret, Error *err) {
    autoclose int fd = -1;
    /* O_NONBLOCK: opening a FIFO must not hang */
    TRY(file_open(dir, path, O_RDONLY | O_NONBLOCK, 0, &fd, err));
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_set_errno(err, errno, "cannot read '%s'", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERROR_INVALID, "cannot read '%s': not a regular file", path);
    if (fd_read_all(fd, limit, ret, err) < 0)
        return error_prefix(err, "cannot read '%s'", path);
    return 0;
}

/* umask(2) takes bits of others than the owner; without any there is nothing to put right. */
static int set_mode(int fd, mode_t mode) {
    return mode & 077 ? fchmod(fd, mode) : 0;
}

static int write_new(
    int dir, const char *name, const void *data, size_t n, mode_t mode, bool durable, Error *err) {
    autoclose int fd = -1;
    TRY(file_open(dir, name, O_WRONLY | O_CREAT | O_EXCL, mode, &fd, err));
    int r = fd_write_all(fd, data, n, err);
    if (r >= 0 && (set_mode(fd, mode) < 0 || (durable && fsync(fd) < 0)))
        r = error_set_errno(err, errno, "cannot write");
    if (r < 0)
        unlinkat(dir, name, 0);
    return r;
}

int file_write_new(int dir, const char *name, const void *data, size_t n, mode_t mode, Error *err) {
    int r = write_new(dir, name, data, n, mode, false, err);
    return r < 0 ? error_prefix(err, "cannot write '%s'", name) : 0;
}

int file_write(
    int dir, const char *name, const void *data, size_t n, mode_t mode, bool durable, Error *err) {
    char random[17];
    text_random_hex(random, 8);
    autofree char *temporary = text_format("%s.%s", name, random);
    if (write_new(dir, temporary, data, n, mode, durable, err) < 0)
        return error_prefix(err, "cannot write '%s'", name);
    if (renameat(dir, temporary, dir, name) == 0)
        return 0;
    error_set_errno(err, errno, "cannot write '%s'", name);
    unlinkat(dir, temporary, 0);
    return err->code;
}

int file_write_kernel(int dir, const char *path, const char *value, Error *err) {
    autoclose int fd = -1;
    TRY(file_open(dir, path, O_WRONLY, 0, &fd, err));
    size_t n = strlen(value);
    ssize_t done;
    while ((done = write(fd, value, n)) < 0 && errno == EINTR)
        ;
    if (done != (ssize_t)n)
        return error_set_errno(err, done < 0 ? errno : EIO, "cannot write '%.*s' to '%s'",
            (int)strcspn(value, "\n"), value, path);
    return 0;
}

int file_remove(int dir, const char *name, Error *err) {
    if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
        return error_set_errno(err, errno, "cannot remove '%s'", name);
    return 0;
}

/* What a container nests deeper than this is moved up to the top first: each level below costs a
 * descriptor, and depth must not make a tree undeletable. */
enum {
    REMOVE_DEPTH_MAX = 64
};

typedef struct RemoveTree {
    int top; /* the tree's root, -1 outside */
    int depth;
    bool moved; /* something came to the top */
} RemoveTree;

static int remove_entry(RemoveTree *tree, int dir, const char *name, Error *err);

static int remove_once(RemoveTree *tree, DIR *stream, Error *err) {
    int r = 0;
    for (struct dirent *entry; r >= 0 && (entry = readdir(stream));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = remove_entry(tree, dirfd(stream), entry->d_name, err);
    return r;
}

static int remove_children(RemoveTree *tree, int fd, Error *err) {
    DIR *stream = fdopendir(fd);
    if (!stream) {
        int sys = errno;
        close(fd);
        return error_set_errno(err, sys, "cannot list a directory");
    }
    int r;
    do {
        tree->moved = tree->moved && tree->depth > 1;
        rewinddir(stream);
        r = remove_once(tree, stream, err);
    } while (r >= 0 && tree->depth == 1 && tree->moved);
    closedir(stream);
    return r;
}

static int move_to_top(RemoveTree *tree, int dir, const char *name, Error *err) {
    char random[33];
    text_random_hex(random, 16);
    if (renameat(dir, name, tree->top, random) < 0)
        return error_set_errno(err, errno, "cannot remove '%s'", name);
    tree->moved = true;
    return 0;
}

/* The device would not tell: a bind mount may be of the same one. */
static bool is_mounted(int fd) {
    struct statx status;
    return statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &status) < 0 ||
           (status.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int remove_directory(RemoveTree *tree, int dir, const char *name, Error *err) {
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot remove '%s'", name);
    if (is_mounted(fd)) {
        close(fd);
        return error_set(err, ERROR_STATE, "cannot remove '%s': something is mounted there", name);
    }
    if (tree->depth == 0)
        tree->top = fd;
    tree->depth++;
    int r = remove_children(tree, fd, err); /* takes fd */
    tree->depth--;
    TRY(r);
    if (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return error_set_errno(err, errno, "cannot remove '%s'", name);
    return 0;
}

static int remove_entry(RemoveTree *tree, int dir, const char *name, Error *err) {
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM && errno != EBUSY)
        return error_set_errno(err, errno, "cannot remove '%s'", name);
    return tree->depth < REMOVE_DEPTH_MAX ? remove_directory(tree, dir, name, err)
                                          : move_to_top(tree, dir, name, err);
}

int file_remove_tree(int dir, const char *name, Error *err) {
    RemoveTree tree = {.top = -1};
    return remove_entry(&tree, dir, name, err);
}

bool file_exists(int dir, const char *path) {
    return faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}
