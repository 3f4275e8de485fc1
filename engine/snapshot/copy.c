// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>

#include "base/file.h"
#include "base/memory.h"
#include "engine/snapshot/attribute.h"

struct CopyLink {
    dev_t device;
    ino_t inode;
    char *path;
    CopyLink *next;
};

enum {
    BUCKETS = 4096
};

static size_t bucket_of(const struct stat *status) {
    return (size_t)(status->st_ino * 0x9e3779b97f4a7c15ULL >> 52) % BUCKETS;
}

static const char *find_link(const Copy *copy, const struct stat *status) {
    const CopyLink *link = copy->link ? copy->link[bucket_of(status)] : NULL;
    while (link && (link->inode != status->st_ino || link->device != status->st_dev))
        link = link->next;
    return link ? link->path : NULL;
}

static void add_link(Copy *copy, const struct stat *status, const char *name) {
    if (!copy->link)
        copy->link = new_array(CopyLink *, BUCKETS);
    CopyLink **bucket = &copy->link[bucket_of(status)];
    CopyLink *link = new (CopyLink);
    *link = (CopyLink){status->st_dev, status->st_ino,
        text_format("%s%s", copy->path.data ? copy->path.data : "", name), *bucket};
    *bucket = link;
}

void copy_done(Copy *copy) {
    for (size_t i = 0; copy->link && i < BUCKETS; i++)
        while (copy->link[i]) {
            CopyLink *link = copy->link[i];
            copy->link[i] = link->next;
            free(link->path);
            free(link);
        }
    free(copy->link);
    text_done(&copy->path);
    *copy = (Copy){};
}

int copy_enter(Copy *copy, const char *name, size_t *ret_length, Error *err) {
    if (copy->depth >= COPY_DEPTH_MAX)
        return error_set(err, ERROR_EXHAUSTED, "cannot copy '%s': more than %d directories deep",
            name, COPY_DEPTH_MAX);
    *ret_length = copy->path.length;
    copy->depth++;
    text_append_format(&copy->path, "%s/", name);
    return 0;
}

void copy_leave(Copy *copy, size_t length) {
    copy->depth--;
    copy->path.length = length;
    copy->path.data[length] = '\0';
}

/* One stretch of data; where the file system has no copy_file_range(2) of its own, the kernel moves
 * pages. */
static int copy_data(int from, int to, off_t begin, off_t end) {
    while (begin < end) {
        off_t in = begin, out = begin;
        ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(end - begin), 0);
        if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP)) {
            if (lseek(to, begin, SEEK_SET) < 0)
                return -1;
            in = begin;
            n = sendfile(to, from, &in, (size_t)(end - begin));
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0) { /* it has become shorter: nobody writes here */
            errno = EIO;
            return -1;
        }
        begin += n;
    }
    return 0;
}

static int copy_segments(int from, int to, off_t size) {
    off_t at = 0;
    while (at < size) {
        off_t data = lseek(from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) /* only a hole is left */
            break;
        if (data < 0)
            data = at;
        off_t hole = lseek(from, data, SEEK_HOLE);
        if (hole < 0 || hole > size)
            hole = size;
        if (copy_data(from, to, data, hole) < 0)
            return -1;
        at = hole;
    }
    return ftruncate(to, size);
}

static int copy_file(Copy *copy, int from, const char *name, off_t size, int to, Error *err) {
    autoclose int in = -1, out = -1;
    TRY(file_open(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &in, err));
    TRY(file_open(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &out, err));
    if (size == 0)
        return 0;
    if (!copy->no_clone && ioctl(out, FICLONE, in) == 0)
        return 0;
    copy->no_clone = true;
    if (copy_segments(in, out, size) < 0)
        return error_set_errno(err, errno, "cannot copy '%s'", name);
    return 0;
}

static int copy_symlink(int from, const char *name, int to, Error *err) {
    char target[PATH_MAX];
    ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);
    if (n < 0)
        return error_set_errno(err, errno, "cannot read symlink '%s'", name);
    target[n] = '\0';
    if (symlinkat(target, to, name) < 0)
        return error_set_errno(err, errno, "cannot copy symlink '%s'", name);
    return 0;
}

static int copy_directory(Copy *copy, int from, const char *name, int to, Error *err);

static int make_entry(
    Copy *copy, int from, const char *name, const struct stat *status, int to, Error *err) {
    switch (status->st_mode & S_IFMT) {
    case S_IFDIR:
        if (mkdirat(to, name, 0700) < 0)
            return error_set_errno(err, errno, "cannot make directory '%s'", name);
        return copy_directory(copy, from, name, to, err);
    case S_IFREG:
        return copy_file(copy, from, name, status->st_size, to, err);
    case S_IFLNK:
        return copy_symlink(from, name, to, err);
    default:
        if (mknodat(to, name, (status->st_mode & S_IFMT) | 0600, status->st_rdev) < 0)
            return error_set_errno(err, errno, "cannot copy special file '%s'", name);
        return 0;
    }
}

int copy_entry(
    Copy *copy, int from, const char *name, const struct stat *status, int to, Error *err) {
    bool linked = !S_ISDIR(status->st_mode) && status->st_nlink > 1;
    const char *first = linked ? find_link(copy, status) : NULL;
    if (first && linkat(copy->root, first, to, name, 0) == 0)
        return 0;
    /* otherwise too many links or too long a path: a copy of its own */
    TRY(make_entry(copy, from, name, status, to, err));
    if (linked && !first)
        add_link(copy, status, name);
    return copy_attributes(from, to, name, status, err);
}

static int copy_entries(Copy *copy, DIR *stream, int to, Error *err) {
    const struct dirent *entry;
    while ((entry = readdir(stream))) {
        const char *name = entry->d_name;
        struct stat status;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        if (fstatat(dirfd(stream), name, &status, AT_SYMLINK_NOFOLLOW) < 0)
            return error_set_errno(err, errno, "cannot read '%s'", name);
        TRY(copy_entry(copy, dirfd(stream), name, &status, to, err));
    }
    return 0;
}

static int copy_open(Copy *copy, int from, const char *name, int to, Error *err) {
    autoclose int target = -1;
    DIR *stream;
    TRY(file_open(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &target, err));
    TRY(file_open_directory(from, name, &stream, err));
    int code = copy_entries(copy, stream, target, err);
    closedir(stream);
    return code;
}

static int copy_directory(Copy *copy, int from, const char *name, int to, Error *err) {
    size_t length;
    TRY(copy_enter(copy, name, &length, err));
    int code = copy_open(copy, from, name, to, err);
    copy_leave(copy, length);
    return code;
}

int copy_attributes(int from, int to, const char *name, const struct stat *status, Error *err) {
    const struct timespec times[2] = {status->st_atim, status->st_mtim};
    if (fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        (!S_ISLNK(status->st_mode) && fchmodat(to, name, status->st_mode & 07777, 0) < 0))
        return error_set_errno(err, errno, "cannot set owner and mode of '%s'", name);
    TRY(attribute_copy_all(from, to, name, err));
    if (utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(err, errno, "cannot set the times of '%s'", name);
    return 0;
}

int copy_tree(int from, int to, Error *err) {
    autodone(Copy) copy = {.root = to};
    struct stat status;
    if (fstat(from, &status) < 0)
        return error_set_errno(err, errno, "cannot read a snapshot's root directory");
    TRY(copy_open(&copy, from, ".", to, err));
    return copy_attributes(from, to, ".", &status, err);
}
