// SPDX-License-Identifier: Apache-2.0
#include "shim/log/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"

enum {
    BATCH_MAX = 65536 /* encoded bytes that wait for one write(2) */
};

struct LogFile {
    LogFileOptions with;
    char *path;
    int64_t size;
    int fd;
    Text batch; /* whole entries */
    uint64_t batch_entries, lost;
    int lost_errno;
};

static int open_file(LogFile *file, int flags, Error *err) {
    struct stat status;
    TRY(file_open(
        AT_FDCWD, file->path, O_WRONLY | O_APPEND | O_CREAT | flags, 0640, &file->fd, err));
    file->size = fstat(file->fd, &status) < 0 ? 0 : status.st_size;
    return 0;
}

/* path.1 → path.2, …, path → path.1; the oldest disappears. */
static void shift_files(const LogFile *file) {
    for (int i = file->with.max_files - 1; i > 0; i--) {
        autofree char *from =
            i == 1 ? text_copy(file->path) : text_format("%s.%d", file->path, i - 1);
        autofree char *to = text_format("%s.%d", file->path, i);
        rename(from, to);
    }
}

static void rotate(LogFile *file) {
    Error err = {};
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    shift_files(file);
    if (open_file(file, O_TRUNC, &err) < 0)
        log_failure(LOG_LEVEL_ERROR, &err);
}

/* All or nothing: half an entry would make the rest of the file unreadable. */
static bool write_whole(LogFile *file, const char *bytes, size_t n) {
    size_t done = 0;
    while (done < n) {
        ssize_t written = write(file->fd, bytes + done, n - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            file->lost_errno = file->fd < 0 ? EIO : errno;
            if (done > 0 && ftruncate(file->fd, file->size) < 0)
                log_warning("cannot cut '%s': %s", file->path, strerrordesc_np(errno));
            return false;
        }
        done += (size_t)written;
    }
    file->size += (int64_t)n;
    return true;
}

/* The gap is told where it is: before the first entry that can be written again. */
static void note_loss(LogFile *file) {
    autodone(Text) entry = {};
    autofree char *note = text_format("tare: %llu log entries were lost here: %s\n",
        (unsigned long long)file->lost, strerrordesc_np(file->lost_errno));
    const LogPiece piece = {.stream = LOG_STDERR,
        .ends_line = true,
        .time = time_now(),
        .bytes = note,
        .n = strlen(note)};
    file->with.encode(file->with.owner, &piece, &entry);
    if (write_whole(file, entry.data, entry.length))
        file->lost = 0;
}

void log_file_write_out(LogFile *file) {
    if (file->batch.length == 0)
        return;
    if (file->fd < 0) {
        Error err = {};
        open_file(file, 0, &err);
    }
    if (file->lost)
        note_loss(file);
    if (file->lost || !write_whole(file, file->batch.data, file->batch.length)) {
        if (!file->lost)
            log_error("cannot write '%s': %s", file->path, strerrordesc_np(file->lost_errno));
        file->lost += file->batch_entries;
    }
    text_clear(&file->batch);
    file->batch_entries = 0;
}

void log_file_add(LogFile *file, const LogPiece *piece) {
    int64_t max = file->with.max_size;
    if (max > 0 && file->size + (int64_t)file->batch.length >= max) {
        log_file_write_out(file);
        if (file->size >= max)
            rotate(file);
    }
    file->with.encode(file->with.owner, piece, &file->batch);
    file->batch_entries++;
    if (file->batch.length >= BATCH_MAX)
        log_file_write_out(file);
}

int log_file_open(const LogFileOptions *options, LogFile **ret, Error *err) {
    LogFile *file = new (LogFile);
    *file = (LogFile){.with = *options, .path = text_copy(options->path), .fd = -1};
    int r = open_file(file, 0, err);
    if (r < 0) {
        log_file_free(file);
        return r;
    }
    *ret = file;
    return 0;
}

void log_file_free(LogFile *file) {
    if (!file)
        return;
    log_file_write_out(file);
    if (file->fd >= 0)
        close(file->fd);
    text_done(&file->batch);
    free(file->path);
    free(file);
}
