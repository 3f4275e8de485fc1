// SPDX-License-Identifier: Apache-2.0
#include "output/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/time.h"
#include "output/chunk.h"
#include "output/member.h"

enum {
    BLOCK = 64 * 1024
};
#define TICK_MAX (10 * TIME_SECOND)

struct OutputSource {
    const OutputFormat *format;
    int fd;
    ino_t inode;
    off_t offset;             /* in the file, of the next byte to read */
    OutputInflater *inflater; /* NULL: the file is plain */
    char *input;              /* of the inflater: BLOCK bytes */
    size_t input_start, input_end;
};

int output_source_open(
    const char *path, const OutputFormat *format, OutputSource **ret, Error *err) {
    autoclose int fd = -1;
    struct stat status;
    TRY(file_open(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, 0, &fd, err));
    int r;
    while ((r = flock(fd, LOCK_SH)) < 0 && errno == EINTR) {
    }
    if (r < 0 || fstat(fd, &status) < 0)
        return error_set_errno(err, errno, "cannot lock '%s'", path);
    if (!S_ISREG(status.st_mode) || status.st_nlink == 0)
        return error_set(err, ERROR_NOT_FOUND, "'%s' has been removed", path);
    OutputSource *source = new (OutputSource);
    *source = (OutputSource){.format = format, .fd = take_fd(&fd), .inode = status.st_ino};
    if (text_ends(path, ".gz")) {
        source->inflater = output_inflater_new();
        source->input = memory_new(BLOCK);
    }
    *ret = source;
    return 0;
}

void output_source_close(OutputSource *source) {
    if (!source)
        return;
    close(source->fd);
    output_inflater_free(source->inflater);
    free(source->input);
    free(source);
}

ino_t output_source_inode(const OutputSource *source) {
    return source->inode;
}

bool output_source_is_removed(const OutputSource *source) {
    struct stat status;
    return fstat(source->fd, &status) == 0 && status.st_nlink == 0;
}

static int read_at(const OutputSource *source, char *ret, size_t n, off_t offset, Error *err) {
    ssize_t got;
    while ((got = pread(source->fd, ret, n, offset)) < 0 && errno == EINTR) {
    }
    return got < 0 ? error_set_errno(err, errno, "cannot read the log") : (int)got;
}

bool output_source_shrank(OutputSource *source, size_t unread) {
    struct stat status;
    if (source->inflater || fstat(source->fd, &status) < 0 || status.st_size >= source->offset)
        return false;
    off_t behind = source->offset - (off_t)unread;
    source->offset = status.st_size >= behind ? behind : 0;
    return true;
}

static int read_plain(OutputSource *source, char *ret, size_t room, Error *err) {
    int n = read_at(source, ret, room, source->offset, err);
    TRY(n);
    source->offset += n;
    return n;
}

static int read_compressed(OutputSource *source, char *ret, size_t room, Error *err) {
    for (;;) {
        size_t taken, given;
        TRY(output_inflate(source->inflater, source->input + source->input_start,
            source->input_end - source->input_start, ret, room, &taken, &given, err));
        source->input_start += taken;
        if (given > 0)
            return (int)given;
        if (source->input_start < source->input_end && taken > 0)
            continue;
        if (source->input_start < source->input_end)
            return error_set(err, ERROR_CORRUPT, "a compressed log is damaged");
        int n = read_at(source, source->input, BLOCK, source->offset, err);
        if (n <= 0)
            return n;
        source->offset += n;
        source->input_start = 0;
        source->input_end = (size_t)n;
    }
}

int output_source_read(OutputSource *source, char *ret, size_t room, Error *err) {
    return source->inflater ? read_compressed(source, ret, room, err)
                            : read_plain(source, ret, room, err);
}

static void seek(OutputSource *source, off_t offset) {
    source->offset = offset;
    source->input_start = source->input_end = 0;
    if (source->inflater)
        output_inflater_reset(source->inflater);
}

/* Offset behind the newline which ends the line before the last *lines lines; 0 when there are not
 * as many, and *lines is what is still wanted from older files. */
static int tail_of_lines(OutputSource *source, int64_t *lines, Error *err) {
    autofree char *block = memory_new(BLOCK);
    struct stat status;
    off_t end = fstat(source->fd, &status) == 0 ? status.st_size : 0;
    int64_t found = -1; /* the newline that ends the last line does not begin another */
    while (end > 0) {
        size_t n = end < BLOCK ? (size_t)end : BLOCK;
        int got = read_at(source, block, n, end - (off_t)n, err);
        TRY(got);
        for (size_t i = (size_t)got; i-- > 0;)
            if (block[i] == '\n' && ++found == *lines) {
                *lines = 0;
                seek(source, end - (off_t)n + (off_t)i + 1);
                return 0;
            }
        end -= (off_t)n;
    }
    if (found >= 0)
        *lines -= found + 1;
    seek(source, 0);
    return 0;
}

/* What can be passed over whole: an entry of format "local", a member of a compressed file. */
typedef struct Step {
    off_t size;
    int64_t lines, last;
} Step;

/* 0: nothing (more) that can be passed over. */
static int step_at(const OutputSource *source, off_t offset, Step *ret, Error *err) {
    char header[OUTPUT_MEMBER_HEADER];
    OutputMember member;
    OutputChunk chunk;
    int n = read_at(source, header, sizeof header, offset, err);
    TRY(n);
    if (source->inflater) {
        if (!output_member_decode(header, (size_t)n, &member))
            return 0;
        *ret = (Step){member.size, member.lines, member.last};
        return 1;
    }
    if (source->format->by_line || n < OUTPUT_CHUNK_HEADER || !output_chunk_decode(header, &chunk))
        return 0;
    *ret = (Step){(off_t)chunk.length + OUTPUT_CHUNK_HEADER, chunk.is_details ? 0 : chunk.lines,
        chunk.time + chunk.lines};
    return 1;
}

static int count_lines(OutputSource *source, bool newest, int64_t *ret, Error *err) {
    autofree char *block = memory_new(BLOCK);
    Step step;
    off_t offset = 0;
    int r;
    *ret = 0;
    while ((r = step_at(source, offset, &step, err)) > 0) {
        offset += step.size;
        *ret += step.lines;
    }
    TRY(r);
    char last = '\n';
    if (newest && !source->inflater && offset > 0)
        TRY(read_at(source, &last, 1, offset - 1, err));
    *ret += last != '\n';
    seek(source, offset); /* a file that another program has compressed, or a damaged end */
    while (source->inflater && (r = output_source_read(source, block, BLOCK, err)) > 0)
        for (const char *at = block; (at = memchr(at, '\n', (size_t)(block + r - at))); at++)
            ++*ret;
    return r < 0 && r != ERROR_CORRUPT ? r : 0;
}

int output_source_tail(
    OutputSource *source, bool newest, int64_t *lines, int64_t *ret_skip, Error *err) {
    int64_t all, passed = 0;
    Step step;
    off_t offset = 0;
    *ret_skip = 0;
    if (source->format->by_line && !source->inflater)
        return tail_of_lines(source, lines, err);
    TRY(count_lines(source, newest, &all, err));
    int64_t extra = all > *lines ? all - *lines : 0;
    *lines -= all - extra;
    int r;
    /* strictly: the end of the last one may be the beginning of a line that is wanted */
    while ((r = step_at(source, offset, &step, err)) > 0 && passed + step.lines < extra) {
        passed += step.lines;
        offset += step.size;
    }
    TRY(r);
    seek(source, offset);
    *ret_skip = extra - passed;
    return 0;
}

int output_source_since(OutputSource *source, int64_t time, Error *err) {
    struct stat status;
    Step step;
    int r;
    /* the kernel stamps files with the time of its last tick, which may be long ago */
    if (fstat(source->fd, &status) == 0 &&
        (int64_t)status.st_mtim.tv_sec * TIME_SECOND + TICK_MAX < time) {
        seek(source, status.st_size); /* the last entry is older */
        return 0;
    }
    while (source->inflater && (r = step_at(source, source->offset, &step, err)) != 0) {
        TRY(r);
        if (step.last >= time)
            break;
        seek(source, source->offset + step.size);
    }
    return 0;
}

int output_source_details(OutputSource *source, Text *ret, Error *err) {
    char header[OUTPUT_CHUNK_HEADER];
    OutputChunk chunk;
    if (source->format->by_line || source->offset == 0 || source->inflater)
        return 0;
    int n = read_at(source, header, sizeof header, 0, err);
    TRY(n);
    if (n < OUTPUT_CHUNK_HEADER || !output_chunk_decode(header, &chunk) || !chunk.is_details)
        return 0;
    autofree char *bytes = memory_new(chunk.length + 1);
    n = read_at(source, bytes, chunk.length, OUTPUT_CHUNK_HEADER, err);
    TRY(n);
    text_clear(ret);
    text_append_bytes(ret, bytes, (size_t)n);
    return 0;
}
