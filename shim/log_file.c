// SPDX-License-Identifier: Apache-2.0
#include "shim/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"

enum {
    ENTRY_MAX = 16384, /* bytes of a line in one entry, as Docker has it */
    BATCH_MAX = 65536, /* encoded bytes that wait for one write(2) */
};

struct LogFile {
    char *path;
    int64_t max_size, size;
    int max_files, fd;
    Text partial[LOG_STREAMS]; /* since the last newline; less than ENTRY_MAX */
    Text batch;                /* whole entries */
    uint64_t batch_entries, lost;
    int lost_errno;
};

static const char *const stream_names[] = {[LOG_STDOUT] = "stdout", [LOG_STDERR] = "stderr"};
_Static_assert(array_size(stream_names) == LOG_STREAMS, "a name for every stream");

static int open_file(LogFile *log, int flags, Error *err) {
    struct stat status;
    TRY(file_open(AT_FDCWD, log->path, O_WRONLY | O_APPEND | O_CREAT | flags, 0640, &log->fd, err));
    log->size = fstat(log->fd, &status) < 0 ? 0 : status.st_size;
    return 0;
}

/* path.1 → path.2, …, path → path.1; the oldest disappears. */
static void shift_files(const LogFile *log) {
    for (int i = log->max_files - 1; i > 0; i--) {
        autofree char *from =
            i == 1 ? text_copy(log->path) : text_format("%s.%d", log->path, i - 1);
        autofree char *to = text_format("%s.%d", log->path, i);
        rename(from, to);
    }
}

static void rotate(LogFile *log) {
    Error err = {};
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
    shift_files(log);
    if (open_file(log, O_TRUNC, &err) < 0)
        log_failure(LOG_LEVEL_ERROR, &err);
}

/* All or nothing: half an entry would make the rest of the file unreadable. */
static bool write_whole(LogFile *log, const char *bytes, size_t n) {
    size_t done = 0;
    while (done < n) {
        ssize_t written = write(log->fd, bytes + done, n - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            log->lost_errno = log->fd < 0 ? EIO : errno;
            if (done > 0 && ftruncate(log->fd, log->size) < 0)
                log_warning("cannot cut '%s': %s", log->path, strerrordesc_np(errno));
            return false;
        }
        done += (size_t)written;
    }
    log->size += (int64_t)n;
    return true;
}

static void append_entry(Text *out, LogStream stream, const char *bytes, size_t n) {
    char when[TIME_TEXT_SIZE];
    text_append(out, "{\"log\":");
    json_append_string(out, bytes, n);
    text_append_format(out, ",\"stream\":\"%s\",\"time\":\"%s\"}\n", stream_names[stream],
        time_format(time_now(), when));
}

/* The gap is told where it is: before the first entry that can be written again. */
static void note_loss(LogFile *log) {
    autodone(Text) entry = {};
    autofree char *note = text_format("tare: %llu log entries were lost here: %s\n",
        (unsigned long long)log->lost, strerrordesc_np(log->lost_errno));
    append_entry(&entry, LOG_STDERR, note, strlen(note));
    if (write_whole(log, entry.data, entry.length))
        log->lost = 0;
}

static void write_batch(LogFile *log) {
    if (log->batch.length == 0)
        return;
    if (log->fd < 0) {
        Error err = {};
        open_file(log, 0, &err);
    }
    if (log->lost)
        note_loss(log);
    if (log->lost || !write_whole(log, log->batch.data, log->batch.length)) {
        if (!log->lost)
            log_error("cannot write '%s': %s", log->path, strerrordesc_np(log->lost_errno));
        log->lost += log->batch_entries;
    }
    text_clear(&log->batch);
    log->batch_entries = 0;
}

static void add_entry(LogFile *log, LogStream stream, const char *bytes, size_t n) {
    if (log->max_size > 0 && log->size + (int64_t)log->batch.length >= log->max_size) {
        write_batch(log);
        if (log->size >= log->max_size)
            rotate(log);
    }
    append_entry(&log->batch, stream, bytes, n);
    log->batch_entries++;
    if (log->batch.length >= BATCH_MAX)
        write_batch(log);
}

/* An entry straight from the caller's bytes when nothing waits, else through the partial line. */
static void add_piece(LogFile *log, LogStream stream, const char *bytes, size_t n) {
    Text *partial = &log->partial[stream];
    if (partial->length == 0) {
        add_entry(log, stream, bytes, n);
        return;
    }
    text_append_bytes(partial, bytes, n);
    add_entry(log, stream, partial->data, partial->length);
    text_clear(partial);
}

void log_file_write(LogFile *log, LogStream stream, const char *bytes, size_t n) {
    Text *partial = &log->partial[stream];
    while (n > 0) {
        size_t room = ENTRY_MAX - partial->length;
        size_t span = n < room ? n : room;
        const char *newline = memchr(bytes, '\n', span);
        if (newline)
            span = (size_t)(newline - bytes) + 1;
        if (!newline && span < room) {
            text_append_bytes(partial, bytes, span);
            break;
        }
        add_piece(log, stream, bytes, span);
        bytes += span;
        n -= span;
    }
    write_batch(log);
}

void log_file_flush(LogFile *log, LogStream stream) {
    Text *partial = &log->partial[stream];
    if (partial->length > 0)
        add_entry(log, stream, partial->data, partial->length);
    text_done(partial);
    write_batch(log);
}

int log_file_open(const LogFileOptions *options, LogFile **ret, Error *err) {
    LogFile *log = new (LogFile);
    *log = (LogFile){.path = text_copy(options->path),
        .max_size = options->max_size,
        .max_files = options->max_files,
        .fd = -1};
    int r = open_file(log, 0, err);
    if (r < 0) {
        log_file_free(log);
        return r;
    }
    *ret = log;
    return 0;
}

LogFile *log_file_free(LogFile *log) {
    if (!log)
        return NULL;
    for (int stream = 0; stream < LOG_STREAMS; stream++)
        log_file_flush(log, stream);
    if (log->fd >= 0)
        close(log->fd);
    text_done(&log->batch);
    free(log->path);
    free(log);
    return NULL;
}
