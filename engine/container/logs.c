// SPDX-License-Identifier: Apache-2.0
#include "engine/container/logs.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/file.h"
#include "base/time.h"
#include "engine/container/log_config.h"
#include "engine/container/private.h"
#include "engine/journal/journal.h"
#include "output/reader.h"

/* Woken by inotify on the container's directory; the timeouts are for what inotify does not tell
 * (a state that changed without a file), and for hosts that have run out of inotify instances. */
enum {
    WAIT_WITH_INOTIFY = 1000,
    WAIT_WITHOUT = 100
}; /* ms */

typedef struct Reader {
    Containers *containers;
    Container *container;
    const ContainerLogs *logs;
    OutputReader *reader; /* of a file, or */
    Journal *journal;
    int inotify;
    char *exit_path;
} Reader;

static void reader_done(Reader *reader) {
    output_reader_close(reader->reader);
    journal_close(reader->journal);
    if (reader->inotify >= 0)
        close(reader->inotify);
    free(reader->exit_path);
    container_unref(reader->container);
}
CLEANUP_DEFINE_DONE(Reader, reader_done)

/* 1: beyond `until`, nothing more will be wanted. */
static int pass_on(Reader *reader, const OutputLine *line, Error *err) {
    const ContainerLogs *logs = reader->logs;
    if (logs->until && line->time > logs->until)
        return 1;
    if (line->time < logs->since || (line->is_stderr ? !logs->wants_stderr : !logs->wants_stdout))
        return 0;
    return logs->sink(logs->user, line, err);
}

static int next_line(Reader *reader, OutputLine *ret, Error *err) {
    return reader->journal ? journal_next(reader->journal, ret, err)
                           : output_reader_next(reader->reader, ret, err);
}

/* Everything that is there. */
static int read_all(Reader *reader, Error *err) {
    OutputLine line;
    int r;
    while ((r = next_line(reader, &line, err)) > 0) {
        r = pass_on(reader, &line, err);
        if (r != 0)
            break;
    }
    TRY(r);
    TRY(reader->logs->sink(reader->logs->user, NULL, err));
    return r;
}

/* The exit record is written after the last output and before the engine hears of the end. */
static bool has_stopped(Reader *reader) {
    autoptr(ContainerRecord) record = table_record(reader->containers, reader->container);
    return record->state->status != CONTAINER_RUNNING || file_exists(AT_FDCWD, reader->exit_path) ||
           !table_is_listed(reader->containers, reader->container);
}

static bool is_cancelled(Reader *reader) {
    char events[4096];
    struct pollfd fds[] = {
        {reader->logs->cancel_fd, POLLIN, 0},
        {reader->inotify, POLLIN, 0},
        {reader->journal ? journal_fd(reader->journal) : -1, POLLIN, 0},
    };
    poll(fds, 3, reader->inotify >= 0 ? WAIT_WITH_INOTIFY : WAIT_WITHOUT);
    while (reader->inotify >= 0 && read(reader->inotify, events, sizeof events) > 0) {
    }
    return fds[0].revents;
}

static bool is_late(const Reader *reader) {
    return reader->logs->until && time_now() > reader->logs->until;
}

static int follow(Reader *reader, Error *err) {
    for (;;) {
        /* asked before reading: what was written before the end is read before we leave */
        bool last = has_stopped(reader) || is_late(reader);
        int r = read_all(reader, err);
        if (r != 0 || last)
            return r;
        if (is_cancelled(reader))
            return error_set(err, ERROR_CANCELLED, "the client has gone");
    }
}

/* As above; but what was sent to the journal before the end is asked for when it has come. */
static int read_journal(Reader *reader, Error *err) {
    for (;;) {
        if (!reader->logs->follow || has_stopped(reader) || is_late(reader))
            journal_finish(reader->journal);
        int r = read_all(reader, err);
        if (r != 0 || journal_has_ended(reader->journal))
            return r;
        if (is_cancelled(reader))
            return error_set(err, ERROR_CANCELLED, "the client has gone");
    }
}

static int read_file(
    Reader *reader, const ContainerRecord *record, const char *path, int64_t tail, Error *err) {
    const OutputReaderOptions options = {.driver = log_config_driver(record),
        .path = path,
        .tail = tail,
        .since = reader->logs->since};
    TRY(output_reader_open(&options, &reader->reader, err));
    return reader->logs->follow ? follow(reader, err) : read_all(reader, err);
}

static int64_t tail_of(const ContainerLogs *logs) {
    if (!logs->has_tail)
        return OUTPUT_TAIL_ALL;
    return logs->tail > INT64_MAX ? INT64_MAX : (int64_t)logs->tail;
}

int container_logs(
    Containers *containers, const char *reference, const ContainerLogs *logs, Error *err) {
    autodone(Reader) reader = {.containers = containers, .logs = logs, .inotify = -1};
    TRY(table_find(containers, reference, &reader.container, err));
    const char *id = reader.container->id;
    autoptr(ContainerRecord) record = table_record(containers, reader.container);
    autofree char *directory = container_path(containers, id, "");
    autofree char *path = log_config_path(record, directory);
    bool in_journal = log_config_driver(record) == OUTPUT_JOURNALD;
    if (!path && !in_journal)
        return error_set(
            err, ERROR_UNSUPPORTED, "configured logging driver does not support reading");
    reader.exit_path = container_path(containers, id, "exit.json");
    if (logs->follow) {
        reader.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (reader.inotify >= 0)
            inotify_add_watch(reader.inotify, directory,
                IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR);
    }
    const JournalOptions options = {
        .container = id, .tail = tail_of(logs), .since = logs->since, .until = logs->until};
    if (in_journal)
        TRY(journal_open(&options, &reader.journal, err));
    int r = in_journal ? read_journal(&reader, err)
                       : read_file(&reader, record, path, tail_of(logs), err);
    return r < 0 ? r : 0;
}
