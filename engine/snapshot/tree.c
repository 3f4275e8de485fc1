// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "engine/snapshot/driver.h"

/* A container writes to such a tree while we read it, so names vanish (ENOENT is no error) and
 * nothing is followed. Each level costs a descriptor: what is nested more deeply than the bound is
 * not counted, so that nobody can use up the engine's. */
enum {
    DEPTH_MAX = 256
};

typedef struct Count {
    SnapshotUsage usage;
    ino_t *linked; /* inodes with several names */
    size_t linked_n;
} Count;

static int compare_inodes(const void *a, const void *b) {
    ino_t x = *(const ino_t *)a, y = *(const ino_t *)b;
    return x < y ? -1 : x > y;
}

static void count_entry(Count *count, const struct stat *status) {
    if (!S_ISDIR(status->st_mode) && status->st_nlink > 1) {
        array_append(count->linked, count->linked_n, status->st_ino);
        return;
    }
    count->usage.inodes++;
    if (S_ISREG(status->st_mode))
        count->usage.bytes += (uint64_t)status->st_size;
}

static int walk(int dir, const char *name, int depth, Count *count, Error *err);

static int walk_entries(DIR *stream, int depth, Count *count, Error *err) {
    const struct dirent *entry;
    while ((entry = readdir(stream))) {
        const char *name = entry->d_name;
        struct stat status;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        if (fstatat(dirfd(stream), name, &status, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        bool first = status.st_nlink == 1 || S_ISDIR(status.st_mode);
        count_entry(count, &status);
        if (!first && S_ISREG(status.st_mode))
            count->usage.bytes += (uint64_t)status.st_size / status.st_nlink;
        if (S_ISDIR(status.st_mode))
            TRY(walk(dirfd(stream), name, depth + 1, count, err));
    }
    return 0;
}

static int walk(int dir, const char *name, int depth, Count *count, Error *err) {
    if (depth > DEPTH_MAX)
        return 0;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? 0
                   : error_set_errno(err, errno, "cannot count usage");
    DIR *stream = fdopendir(fd);
    if (!stream) {
        error_set_errno(err, errno, "cannot count usage");
        close(fd);
        return err->code;
    }
    int code = walk_entries(stream, depth, count, err);
    closedir(stream);
    return code;
}

int snapshot_tree_usage(int tree, SnapshotUsage *ret, Error *err) {
    Count count = {};
    int code = walk(tree, ".", 0, &count, err);
    if (count.linked_n > 0) {
        qsort(count.linked, count.linked_n, sizeof(*count.linked), compare_inodes);
        for (size_t i = 0; i < count.linked_n; i++)
            count.usage.inodes += i == 0 || count.linked[i] != count.linked[i - 1];
    }
    free(count.linked);
    TRY(code);
    *ret = count.usage;
    return 0;
}
