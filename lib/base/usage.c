// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

/* Others write to such a tree while we read it, so names vanish and nothing is followed. Each level
 * costs a descriptor: what is nested more deeply than the bound is not counted, so that nobody can
 * use up ours. */
enum {
    DEPTH_MAX = 256
};

typedef struct Identity {
    uint64_t device, inode;
} Identity;

typedef struct Count {
    uint64_t bytes;
    Identity *seen; /* of files with several names: an open-addressed table, inode 0 is free */
    size_t seen_n, slots;
} Count;

static size_t slot_of(const Count *count, Identity identity) {
    size_t i = (size_t)(identity.inode * 0x9e3779b97f4a7c15ULL) & (count->slots - 1);
    while (count->seen[i].inode &&
           (count->seen[i].inode != identity.inode || count->seen[i].device != identity.device))
        i = (i + 1) & (count->slots - 1);
    return i;
}

static void grow(Count *count) {
    Count larger = {.slots = count->slots ? 2 * count->slots : 1024};
    larger.seen = new_array(Identity, larger.slots);
    for (size_t i = 0; i < count->slots; i++)
        if (count->seen[i].inode)
            larger.seen[slot_of(&larger, count->seen[i])] = count->seen[i];
    free(count->seen);
    count->seen = larger.seen;
    count->slots = larger.slots;
}

/* Is this the first of a file's names? */
static bool see(Count *count, Identity identity) {
    if (2 * count->seen_n >= count->slots)
        grow(count);
    size_t i = slot_of(count, identity);
    if (count->seen[i].inode)
        return false;
    count->seen[i] = identity;
    count->seen_n++;
    return true;
}

static int walk(int dir, const char *name, int depth, Count *count, Error *err);

static int walk_entries(DIR *stream, int depth, Count *count, Error *err) {
    const struct dirent *entry;
    while ((entry = readdir(stream)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            TRY(walk(dirfd(stream), entry->d_name, depth, count, err));
    return 0;
}

static int walk_directory(int dir, const char *name, int depth, Count *count, Error *err) {
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? 0
                   : error_set_errno(err, errno, "cannot count what '%s' takes", name);
    DIR *stream = fdopendir(fd);
    if (!stream) {
        error_set_errno(err, errno, "cannot count what '%s' takes", name);
        close(fd);
        return err->code;
    }
    int code = walk_entries(stream, depth + 1, count, err);
    closedir(stream);
    return code;
}

static int walk(int dir, const char *name, int depth, Count *count, Error *err) {
    struct statx status;
    if (statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status) < 0)
        return errno == ENOENT ? 0 : error_set_errno(err, errno, "cannot read '%s'", name);
    Identity identity = {
        (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor, status.stx_ino};
    bool directory = S_ISDIR(status.stx_mode);
    if (!directory && status.stx_nlink > 1 && !see(count, identity))
        return 0;
    /* what is mounted there takes nothing here */
    if (depth > 0 && (status.stx_attributes & STATX_ATTR_MOUNT_ROOT))
        return 0;
    count->bytes += status.stx_blocks * 512;
    return directory && depth < DEPTH_MAX ? walk_directory(dir, name, depth, count, err) : 0;
}

int file_usage(int dir, const char *name, uint64_t *ret, Error *err) {
    Count count = {};
    int code = walk(dir, name, 0, &count, err);
    free(count.seen);
    if (code == 0)
        *ret = count.bytes;
    return code;
}
