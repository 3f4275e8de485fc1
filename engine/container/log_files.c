// SPDX-License-Identifier: Apache-2.0
#include "engine/container/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"

enum {
    FILES_MAX = 1001,
    BLOCK = 64 * 1024,
    LINE_MAX_BYTES = 4 << 20
};

/* A file is known by its inode, which keeps its number while its name moves from PATH to PATH.1 and
 * further. `fd` reads the one we are in; its name is looked for when it has no more lines. */
struct LogFiles {
    char *path;
    int fd; /* -1: none yet */
    ino_t inode;
    off_t offset; /* of the next block to read */
    char *buffer;
    size_t start, length, capacity; /* unread bytes: buffer[start … length) */
    bool skipping;                  /* in a line that is too long */
};

static char *name_of(const LogFiles *files, unsigned index) {
    return index ? text_format("%s.%u", files->path, index) : text_copy(files->path);
}

/* ERROR_NOT_FOUND. */
static int open_index(const LogFiles *files, unsigned index, int *ret_fd, ino_t *ret, Error *err) {
    autofree char *name = name_of(files, index);
    autoclose int fd = -1;
    struct stat st;
    TRY(file_open(AT_FDCWD, name, O_RDONLY | O_NOFOLLOW, 0, &fd, err));
    if (fstat(fd, &st) < 0)
        return error_set_errno(err, errno, "cannot stat '%s'", name);
    *ret = st.st_ino;
    *ret_fd = take_fd(&fd);
    return 0;
}

static void switch_to(LogFiles *files, int fd, ino_t inode, off_t offset) {
    if (files->fd >= 0)
        close(files->fd);
    files->fd = fd;
    files->inode = inode;
    files->offset = offset;
    files->start = files->length = 0;
    files->skipping = false;
}

/* Offset behind the newline which ends the line before the last `*lines` lines; 0 when there are
 * not as many, and *lines is what is still wanted from older files. */
static off_t tail_offset(int fd, int64_t *lines) {
    autofree char *block = memory_new(BLOCK);
    struct stat st;
    off_t end = fstat(fd, &st) == 0 ? st.st_size : 0;
    int64_t found = -1; /* the newline that ends the last line does not begin another */
    while (end > 0) {
        size_t n = end < BLOCK ? (size_t)end : BLOCK;
        if (pread(fd, block, n, end - (off_t)n) != (ssize_t)n)
            break;
        for (size_t i = n; i-- > 0;) {
            if (block[i] == '\n' && ++found == *lines) {
                *lines = 0;
                return end - (off_t)n + (off_t)i + 1;
            }
        }
        end -= (off_t)n;
    }
    if (found >= 0)
        *lines -= found + 1;
    return 0;
}

typedef struct Opened {
    int fd;
    ino_t inode;
} Opened;

/* From the newest to the oldest, so that a rotation meanwhile shows one file twice and hides none.
 */
static int open_first(LogFiles *files, int64_t tail, Error *err) {
    bool all = tail == LOG_TAIL_ALL;
    off_t offset = 0;
    for (unsigned index = 0; index < FILES_MAX && (all || tail > 0 || index == 0); index++) {
        Opened opened;
        int r = open_index(files, index, &opened.fd, &opened.inode, err);
        if (r == ERROR_NOT_FOUND)
            break;
        TRY(r);
        if (opened.inode == files->inode) {
            close(opened.fd);
            continue;
        }
        if (!all) {
            struct stat st;
            if (tail > 0)
                offset = tail_offset(opened.fd, &tail);
            else
                offset = fstat(opened.fd, &st) == 0 ? st.st_size : 0;
        }
        switch_to(files, opened.fd, opened.inode, offset);
    }
    return 0;
}

int log_files_open(const char *path, int64_t tail, LogFiles **ret, Error *err) {
    autoptr(LogFiles) files = new (LogFiles);
    files->path = text_copy(path);
    files->fd = -1;
    TRY(open_first(files, tail, err));
    *ret = take_ptr(&files);
    return 0;
}

void log_files_close(LogFiles *files) {
    if (files->fd >= 0)
        close(files->fd);
    free(files->path);
    free(files->buffer);
    free(files);
}

/* More of the current file; 0 at its end. A file that became shorter was truncated: begin anew. */
static int fill(LogFiles *files, Error *err) {
    struct stat st;
    if (files->start > 0) {
        memmove(files->buffer, files->buffer + files->start, files->length - files->start);
        files->length -= files->start;
        files->start = 0;
    }
    if (fstat(files->fd, &st) == 0 && st.st_size < files->offset) {
        files->offset = 0;
        files->length = 0;
    }
    if (files->capacity - files->length < BLOCK) {
        files->capacity = files->length + 2 * BLOCK;
        files->buffer = memory_resize(files->buffer, files->capacity, 1);
    }
    ssize_t n = pread(files->fd, files->buffer + files->length, BLOCK, files->offset);
    if (n < 0)
        return error_set_errno(err, errno, "cannot read the log");
    files->offset += n;
    files->length += (size_t)n;
    return (int)n;
}

static bool take_line(LogFiles *files, const char **ret, size_t *ret_n) {
    for (;;) {
        char *begin = files->buffer + files->start;
        size_t n = files->length - files->start;
        char *newline = n ? memchr(begin, '\n', n) : NULL;
        if (!newline) {
            if (n > LINE_MAX_BYTES || files->skipping) {
                files->skipping = true;
                files->start = files->length;
            }
            return false;
        }
        files->start += (size_t)(newline - begin) + 1;
        if (!files->skipping) {
            *ret = begin;
            *ret_n = (size_t)(newline - begin);
            return true;
        }
        files->skipping = false;
    }
}

/* The file that was written after ours, if ours was rotated. 1: there is one. */
static int find_newer(const LogFiles *files, Opened *ret, Error *err) {
    Opened newer = {-1, 0}, opened;
    int r = 0;
    for (unsigned index = 0; index < FILES_MAX; index++) {
        r = open_index(files, index, &opened.fd, &opened.inode, err);
        if (r < 0)
            break;
        if (newer.fd >= 0 && opened.inode != files->inode)
            close(newer.fd);
        if (opened.inode == files->inode) {
            close(opened.fd);
            break;
        }
        newer = opened;
    }
    if (r < 0 && r != ERROR_NOT_FOUND) {
        if (newer.fd >= 0)
            close(newer.fd);
        return r;
    }
    *ret = newer;
    return newer.fd >= 0;
}

int log_files_next(LogFiles *files, const char **ret, size_t *ret_n, Error *err) {
    *ret = NULL;
    for (;;) {
        Opened newer;
        if (files->buffer && take_line(files, ret, ret_n))
            return 0;
        int n = files->fd >= 0 ? fill(files, err) : 0;
        TRY(n);
        if (n > 0)
            continue;
        int rotated = find_newer(files, &newer, err);
        if (rotated <= 0)
            return rotated;
        /* what was written between our last read and the rotation comes first */
        n = files->fd >= 0 ? fill(files, err) : 0;
        if (n == 0)
            switch_to(files, newer.fd, newer.inode, 0);
        else
            close(newer.fd);
        TRY(n);
    }
}
