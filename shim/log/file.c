// SPDX-License-Identifier: Apache-2.0
#include "shim/log/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "output/record.h"
#include "shim/log/rotation.h"

enum {
    BATCH_MAX = 128 << 10, /* encoded bytes that wait for one write(2) */
    BLOCK = 64 << 10,
};

struct LogFile {
    LogFileOptions with;
    char *path;
    LogRotation *rotation;
    int64_t size;
    int fd;
    Text batch; /* whole entries */
    uint64_t batch_entries, lost;
    int lost_errno;
};

static int open_file(LogFile *file, Error *err) {
    struct stat status;
    TRY(file_open(AT_FDCWD, file->path, O_RDWR | O_APPEND | O_CREAT, 0640, &file->fd, err));
    file->size = fstat(file->fd, &status) < 0 ? 0 : status.st_size;
    if (file->size == 0 && file->with.head && file->batch.length == 0)
        text_append_bytes(&file->batch, file->with.head->data, file->with.head->length);
    return 0;
}

static void rotate(LogFile *file) {
    Error err = {};
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    log_rotation_shift(file->rotation);
    if (open_file(file, &err) < 0)
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
    if (file->batch_entries == 0)
        return;
    if (file->fd < 0) {
        Error err = {};
        open_file(file, &err);
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
    int64_t max = file->with.settings.max_size;
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

/* A shim that was killed, or a machine that lost power, may have left half an entry. */
static int cut_half(LogFile *file, const OutputFormat *format, Error *err) {
    autodone(Text) text = {};
    off_t whole = 0, at = 0; /* `text` are the bytes from `whole` on */
    ssize_t n;
    if (format->by_line && file->size > OUTPUT_ENTRY_MAX)
        whole = at = file->size - OUTPUT_ENTRY_MAX; /* then no newline in so much is no log */
    do {
        text_reserve(&text, BLOCK);
        n = pread(file->fd, text.data + text.length, BLOCK, at);
        if (n < 0)
            return error_set_errno(err, errno, "cannot read '%s'", file->path);
        at += n;
        text.length += (size_t)n;
        size_t used = 0;
        for (size_t one; used < text.length; used += one)
            if ((one = format->measure(text.data + used, text.length - used)) == 0)
                break;
        whole += (off_t)used;
        text.length -= used;
        memmove(text.data, text.data + used, text.length);
    } while (n > 0 && text.length <= OUTPUT_ENTRY_MAX);
    if (whole < file->size && ftruncate(file->fd, whole) < 0)
        return error_set_errno(err, errno, "cannot cut '%s'", file->path);
    file->size = whole;
    return 0;
}

static const OutputFormat *format_of(OutputDriver driver) {
    return driver == OUTPUT_LOCAL ? &output_local
           : driver == OUTPUT_CRI ? &output_cri
                                  : &output_json_file;
}

int log_file_open(const LogFileOptions *options, LogFile **ret, Error *err) {
    LogFile *file = new (LogFile);
    *file = (LogFile){.with = *options, .path = text_copy(options->path), .fd = -1};
    *ret = file;
    file->rotation = log_rotation_new(options->path, &options->settings, options->loop);
    TRY(open_file(file, err));
    return cut_half(file, format_of(options->settings.driver), err);
}

void log_file_free(LogFile *file) {
    if (!file)
        return;
    log_file_write_out(file);
    log_rotation_free(file->rotation);
    if (file->fd >= 0)
        close(file->fd);
    text_done(&file->batch);
    free(file->path);
    free(file);
}
