// SPDX-License-Identifier: Apache-2.0
/* tare-journal ID TAIL SINCE UNTIL: what the shim's driver "journald" (shim/log/journald.c) wrote
 * for a container, from systemd's journal to standard output, in the format "local". TAIL is a
 * number of lines or -1, the times are nanoseconds or 0. Follows until standard input ends; then
 * all that was sent to the journal before is read. The last word, an Error, goes to descriptor 3.
 *
 * A program of its own: libsystemd and the journal's mapped files, which may be damaged or cut
 * while they are read, stay out of the engine. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "output/chunk.h"

enum {
    ERROR_FD = 3,
    MICROSECOND = 1000, /* ns */
    BATCH = 64 << 10,
    WAIT = 1000,        /* ms; where the journal's files are on a network, nothing tells of news */
    SYNC_PATIENCE = 10, /* s */
    PROCESS_EVERY = 1024
};

typedef struct Entry {
    Text message, details;
    int64_t time;
    bool is_stderr, is_partial, goes_on; /* goes_on: not the first piece of its line */
} Entry;

typedef struct Journal {
    sd_journal *journal;
    int64_t tail, since, until;
    Entry entry;
    Text details; /* that were told last */
    Text out;
} Journal;

static int fail(int r, const char *act, Error *err) {
    return error_set_errno(err, -r, "cannot %s the journal", act);
}

/* What journald has been sent is in its files when this returns: it answers when there is nothing
 * else to do (its Varlink interface, systemd 246). Without an answer we read what is there. */
static void synchronize(void) {
    static const char request[] =
        "{\"method\":\"io.systemd.Journal.Synchronize\",\"parameters\":{}}";
    const struct timeval patience = {.tv_sec = SYNC_PATIENCE};
    autoclose int fd = -1;
    Error ignored;
    char byte;
    if (fd_connect("/run/systemd/journal/io.systemd.journal", &fd, &ignored) < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (fd_write_all(fd, request, sizeof request, &ignored) < 0)
        return;
    while (read(fd, &byte, 1) == 1 && byte) {
    }
}

/* Docker's: what is neither the journal's own nor the driver's, in the order of names. */
static bool is_detail(const char *name) {
    static const char *const known[] = {"MESSAGE", "MESSAGE_ID", "PRIORITY", "CODE_FILE",
        "CODE_LINE", "CODE_FUNC", "ERRNO", "SYSLOG_FACILITY", "SYSLOG_IDENTIFIER", "SYSLOG_PID",
        "SYSLOG_TIMESTAMP", "CONTAINER_NAME", "CONTAINER_ID", "CONTAINER_ID_FULL", "CONTAINER_TAG",
        "IMAGE_NAME", "CONTAINER_PARTIAL_ID", "CONTAINER_PARTIAL_ORDINAL", "CONTAINER_PARTIAL_LAST",
        "CONTAINER_PARTIAL_MESSAGE", "CONTAINER_LOG_EPOCH", "CONTAINER_LOG_ORDINAL"};
    for (size_t i = 0; i < array_size(known); i++)
        if (text_equal(name, known[i]))
            return false;
    return *name != '_';
}

static void take_field(
    Entry *entry, const char *name, const char *value, size_t n, JsonTexts *details) {
    autofree char *text = NULL;
    Error ignored;
    int64_t time;
    if (text_equal(name, "MESSAGE")) {
        text_append_bytes(&entry->message, value, n);
        return;
    }
    if (*name == '_')
        return;
    text = text_copy_n(value, n);
    if (text_equal(name, "PRIORITY"))
        entry->is_stderr = text_equal(text, "3");
    else if (text_equal(name, "CONTAINER_PARTIAL_MESSAGE"))
        entry->is_partial = text_equal(text, "true");
    else if (text_equal(name, "CONTAINER_PARTIAL_ORDINAL"))
        entry->goes_on = !text_equal(text, "1");
    else if (text_equal(name, "SYSLOG_TIMESTAMP") && time_parse(text, &time, &ignored) >= 0)
        entry->time = time < entry->time ? time : entry->time;
    else if (is_detail(name)) {
        autofree char *detail = text_format("%s=%s", name, text);
        json_texts_add(details, detail);
    }
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The entry at the journal's place. Its time is when the program wrote it, as far as that can be.
 */
static int load(Journal *journal, Error *err) {
    Entry *entry = &journal->entry;
    autodone(JsonTexts) details = {};
    const void *data;
    uint64_t received;
    size_t n;
    int r = sd_journal_get_realtime_usec(journal->journal, &received);
    text_clear(&entry->message);
    text_clear(&entry->details);
    if (r < 0)
        return fail(r, "read", err);
    entry->time = (int64_t)received * MICROSECOND;
    entry->is_stderr = entry->is_partial = entry->goes_on = false;
    sd_journal_restart_data(journal->journal);
    while ((r = sd_journal_enumerate_available_data(journal->journal, &data, &n)) > 0) {
        const char *equals = memchr(data, '=', n);
        if (!equals)
            continue;
        size_t name_n = (size_t)(equals - (const char *)data);
        autofree char *name = text_copy_n(data, name_n);
        take_field(entry, name, equals + 1, n - name_n - 1, &details);
    }
    if (details.n > 0)
        qsort(details.item, details.n, sizeof *details.item, compare);
    for (size_t i = 0; i < details.n; i++)
        text_append_format(&entry->details, "%s%s", i ? "," : "", details.item[i]);
    if (!entry->is_partial)
        text_append_char(&entry->message, '\n');
    return r < 0 ? fail(r, "read", err) : 0;
}

static int flush(Journal *journal, Error *err) {
    int r = fd_write_all(STDOUT_FILENO, journal->out.data, journal->out.length, err);
    text_clear(&journal->out);
    return r;
}

static void add_chunk(Journal *journal, const char *bytes, size_t n, bool is_details) {
    const Entry *entry = &journal->entry;
    char header[OUTPUT_CHUNK_HEADER];
    const OutputChunk chunk = {.length = (uint32_t)n,
        .time = entry->time,
        .is_stderr = entry->is_stderr,
        .is_details = is_details};
    output_chunk_encode(&chunk, header);
    text_append_bytes(&journal->out, header, sizeof header);
    text_append_bytes(&journal->out, bytes, n);
}

static int tell(Journal *journal, Error *err) {
    const Entry *entry = &journal->entry;
    const Text *message = &entry->message, *details = &entry->details;
    if (details->length <= OUTPUT_CHUNK_MAX &&
        (details->length != journal->details.length ||
            memcmp(details->data, journal->details.data, details->length) != 0)) {
        add_chunk(journal, details->data, details->length, true);
        text_clear(&journal->details);
        text_append_bytes(&journal->details, details->data, details->length);
    }
    for (size_t at = 0, n; at < message->length; at += n) {
        n = message->length - at < OUTPUT_CHUNK_MAX ? message->length - at
                                                    : (size_t)OUTPUT_CHUNK_MAX;
        add_chunk(journal, message->data + at, n, false);
    }
    return journal->out.length >= BATCH ? flush(journal, err) : 0;
}

/* To before the last `tail` lines that are not after `until`. 1: the journal is at the first one to
 * be told; 0: before it. */
static int seek_tail(Journal *journal, Error *err) {
    int r = sd_journal_seek_tail(journal->journal);
    for (int64_t lines = 0; r >= 0 && (r = sd_journal_previous(journal->journal)) > 0;) {
        if (journal->tail == 0)
            return 0;
        TRY(load(journal, err));
        if (journal->until && journal->entry.time > journal->until)
            continue;
        lines += !journal->entry.goes_on;
        if (lines == journal->tail)
            return 1;
    }
    if (r >= 0)
        r = sd_journal_seek_head(journal->journal);
    return r < 0 ? fail(r, "read", err) : 0;
}

/* The journal's times are those of arrival: what was written at a time arrived then or later. */
static int seek(Journal *journal, Error *err) {
    if (journal->tail >= 0)
        return seek_tail(journal, err);
    int r = journal->since ? sd_journal_seek_realtime_usec(
                                 journal->journal, (uint64_t)(journal->since / MICROSECOND))
                           : sd_journal_seek_head(journal->journal);
    return r < 0 ? fail(r, "read", err) : 0;
}

/* Everything that is there. */
static int drain(Journal *journal, Error *err) {
    int r, n = 0;
    while ((r = sd_journal_next(journal->journal)) > 0) {
        TRY(load(journal, err));
        TRY(tell(journal, err));
        if (++n % PROCESS_EVERY == 0)
            sd_journal_process(journal->journal); /* lets go of files that were removed */
    }
    return r < 0 ? fail(r, "read", err) : flush(journal, err);
}

static int follow(Journal *journal, Error *err) {
    int fd = sd_journal_get_fd(journal->journal);
    if (fd < 0)
        return fail(fd, "watch", err);
    if (journal->tail >= 0) /* the last lines of what was sent up to now */
        synchronize();
    sd_journal_process(journal->journal);
    int r = seek(journal, err);
    TRY(r);
    if (r > 0)
        TRY(tell(journal, err));
    struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {fd, POLLIN, 0}};
    while (fds[0].revents == 0) {
        TRY(drain(journal, err));
        poll(fds, array_size(fds), WAIT);
        sd_journal_process(journal->journal);
    }
    synchronize();
    sd_journal_process(journal->journal);
    return drain(journal, err);
}

/* Anybody may send entries with a container's fields: only our own user's are the shim's. */
static int open_journal(Journal *journal, const char *id, Error *err) {
    autofree char *container = text_format("CONTAINER_ID_FULL=%s", id);
    autofree char *user = text_format("_UID=%u", (unsigned)geteuid());
    int r = sd_journal_open(&journal->journal, SD_JOURNAL_LOCAL_ONLY);
    if (r < 0)
        return fail(r, "open", err);
    sd_journal_set_data_threshold(journal->journal, 0);
    if ((r = sd_journal_add_match(journal->journal, container, 0)) < 0 ||
        (r = sd_journal_add_match(journal->journal, user, 0)) < 0)
        return fail(r, "search", err);
    return 0;
}

static int run(Journal *journal, char **argv, Error *err) {
    TRY(text_parse_int(argv[2], "tail", &journal->tail, err));
    TRY(text_parse_int(argv[3], "since", &journal->since, err));
    TRY(text_parse_int(argv[4], "until", &journal->until, err));
    if (access("/run/systemd/journal/socket", F_OK) < 0) /* Docker's words */
        return error_set_errno(err, errno, "journald is not enabled on this host");
    TRY(open_journal(journal, argv[1], err));
    return follow(journal, err);
}

static void journal_done(Journal *journal) {
    sd_journal_close(journal->journal);
    text_done(&journal->entry.message);
    text_done(&journal->entry.details);
    text_done(&journal->details);
    text_done(&journal->out);
}

int main(int argc, char **argv) {
    Journal journal = {};
    Error err = {}, ignored;
    if (argc != 5) {
        fprintf(stderr, "tare-journal is started by tared\n");
        return 2;
    }
    int r = run(&journal, argv, &err);
    if (r < 0)
        fd_write_all(ERROR_FD, &err, sizeof err, &ignored);
    journal_done(&journal);
    return r < 0;
}
