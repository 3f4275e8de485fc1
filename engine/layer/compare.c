// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/compare.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/layer/attributes.h"

static bool same_owner(const struct stat *a, const struct stat *b) {
    return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid;
}

static bool same_time(const struct stat *a, const struct stat *b) {
    return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int same_attributes(int a, int b, mode_t type, bool *ret, Error *err) {
    autodone(Attributes) of_a = {}, of_b = {};
    TRY(attributes_read(a, type, &of_a, err));
    TRY(attributes_read(b, type, &of_b, err));
    *ret = attributes_equal(&of_a, &of_b);
    return 0;
}

static ssize_t read_block(int fd, char *buffer, size_t size) {
    ssize_t n;
    do
        n = read(fd, buffer, size);
    while (n < 0 && errno == EINTR);
    return n;
}

/* One that cannot be read differs: whoever writes it down will say why. */
static bool same_content(int a, int b) {
    enum {
        BLOCK = 1 << 16
    };
    autofree char *from_a = memory_new(BLOCK), *from_b = memory_new(BLOCK);
    ssize_t n;
    do {
        n = read_block(a, from_a, BLOCK);
        if (n < 0 || read_block(b, from_b, BLOCK) != n || memcmp(from_a, from_b, (size_t)n) != 0)
            return false;
    } while (n > 0);
    return true;
}

static int compare_files(
    const Change *there, int dir, const struct stat *below, bool *ret_same, Error *err) {
    const struct stat *status = there->status;
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    autoclose int a = openat(there->dir, there->name, flags);
    autoclose int b = openat(dir, there->name, flags);
    if (a < 0 || b < 0 || status->st_size != below->st_size || !same_time(status, below))
        return 0;
    if (status->st_mtim.tv_nsec == 0 && !same_content(a, b))
        return 0;
    return same_attributes(a, b, S_IFREG, ret_same, err);
}

static bool same_target(const Change *there, int dir) {
    char a[PATH_MAX], b[PATH_MAX];
    ssize_t n = readlinkat(there->dir, there->name, a, sizeof(a));
    return n >= 0 && readlinkat(dir, there->name, b, sizeof(b)) == n &&
           memcmp(a, b, (size_t)n) == 0;
}

int compare_entries(
    const Change *there, int dir, const struct stat *below, bool *ret_same, Error *err) {
    const struct stat *status = there->status;
    *ret_same = status->st_dev == below->st_dev && status->st_ino == below->st_ino;
    if (*ret_same || !same_owner(status, below))
        return 0;
    if (S_ISREG(status->st_mode))
        return compare_files(there, dir, below, ret_same, err);
    *ret_same = same_time(status, below) && status->st_rdev == below->st_rdev &&
                (!S_ISLNK(status->st_mode) || same_target(there, dir));
    return 0;
}

int compare_directories(
    const View *upper, const View *lower, bool times, bool *ret_differ, Error *err) {
    struct stat a, b;
    bool same;
    *ret_differ = true;
    if (fstat(upper->level[0].fd, &a) < 0 || fstat(lower->level[0].fd, &b) < 0)
        return error_set_errno(err, errno, "cannot read a directory");
    if (!same_owner(&a, &b) || (times && !same_time(&a, &b)))
        return 0;
    TRY(same_attributes(upper->level[0].fd, lower->level[0].fd, S_IFDIR, &same, err));
    *ret_differ = !same;
    return 0;
}
