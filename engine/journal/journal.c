// SPDX-License-Identifier: Apache-2.0
#include "engine/journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "output/chunk.h"
#include "output/record.h"

enum {
    BLOCK = 64 << 10
};

struct Journal {
    pid_t pid; /* of tare-journal; 0: not started */
    int hold;  /* its standard input: it follows as long as this is open */
    int lines, last_word;
    bool ended;
    Text buffer; /* what was not passed on yet: from `start` */
    size_t start;
    OutputRecord record;
};

static int spawn(Journal *journal, const JournalOptions *options, Error *err) {
    static const char *const nothing[] = {NULL};
    autofree char *program = NULL, *tail = text_format("%" PRId64, options->tail),
                  *since = text_format("%" PRId64, options->since),
                  *until = text_format("%" PRId64, options->until);
    int in[2], out[2], words[2];
    TRY(process_find_program("tare-journal", &program, err));
    if (pipe2(in, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    autoclose int child_in = in[0];
    journal->hold = in[1];
    if (pipe2(out, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    autoclose int child_out = out[1];
    journal->lines = out[0];
    if (pipe2(words, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    autoclose int child_words = words[1];
    journal->last_word = words[0];
    const ProcessSpawn child = {
        .argv = (const char *const[]){program, options->container, tail, since, until, NULL},
        .environ = nothing,
        .directory = "/",
        .fds = {child_in, child_out, STDERR_FILENO},
        .more_fds = &child_words,
        .more_fds_n = 1};
    TRY(process_spawn(&child, &journal->pid, err));
    return fd_set_nonblocking(journal->lines, true, err);
}

int journal_open(const JournalOptions *options, Journal **ret, Error *err) {
    autoptr(Journal) journal = new (Journal);
    journal->hold = journal->lines = journal->last_word = -1;
    TRY(spawn(journal, options, err));
    *ret = take_ptr(&journal);
    return 0;
}

void journal_finish(Journal *journal) {
    if (journal->hold >= 0)
        close(journal->hold);
    journal->hold = -1;
}

void journal_close(Journal *journal) {
    Error ignored;
    int status;
    if (!journal)
        return;
    journal_finish(journal);
    if (journal->lines >= 0)
        close(journal->lines);
    if (journal->last_word >= 0)
        close(journal->last_word);
    if (journal->pid > 0) {
        kill(journal->pid, SIGKILL);
        process_wait(journal->pid, -1, &status, &ignored);
    }
    output_record_done(&journal->record);
    text_done(&journal->buffer);
    free(journal);
}

bool journal_has_ended(const Journal *journal) {
    return journal->ended;
}

int journal_fd(const Journal *journal) {
    return journal->lines;
}

static bool take_record(Journal *journal) {
    for (;;) {
        Error ignored;
        const char *bytes = journal->buffer.data + journal->start;
        size_t left = journal->buffer.length - journal->start;
        size_t n = left ? output_local.measure(bytes, left) : 0;
        if (n == 0)
            return false;
        journal->start += n;
        if (output_local.parse(bytes, n, &journal->record, &ignored) == 0 &&
            journal->record.data.length > 0)
            return true;
    }
}

/* A program that ended without a word ended well, or was killed. */
static int take_last_word(Journal *journal, Error *err) {
    Error theirs, ignored;
    int status = -1;
    journal->ended = true;
    if (fd_read_exactly(journal->last_word, &theirs, sizeof theirs, &ignored) >= 0 &&
        theirs.code < 0) {
        theirs.message[sizeof theirs.message - 1] = '\0';
        theirs.reason[sizeof theirs.reason - 1] = '\0';
        *err = theirs;
        return err->code;
    }
    int r = process_wait(journal->pid, -1, &status, &ignored);
    journal->pid = 0;
    if (r < 0 || status != 0)
        return error_set(err, ERROR_INTERNAL, "reading the journal ended early");
    return 0;
}

/* 1: bytes have come. */
static int fill(Journal *journal, Error *err) {
    Text *buffer = &journal->buffer;
    if (journal->start > 0) {
        buffer->length -= journal->start;
        memmove(buffer->data, buffer->data + journal->start, buffer->length);
        journal->start = 0;
    }
    text_reserve(buffer, BLOCK);
    ssize_t n;
    while ((n = read(journal->lines, buffer->data + buffer->length, BLOCK)) < 0 && errno == EINTR) {
    }
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n < 0)
        return error_set_errno(err, errno, "cannot read the journal");
    buffer->length += (size_t)n;
    return n > 0 ? 1 : take_last_word(journal, err);
}

int journal_next(Journal *journal, OutputLine *ret, Error *err) {
    const OutputRecord *record = &journal->record;
    while (!take_record(journal)) {
        int r = journal->ended ? 0 : fill(journal, err);
        if (r <= 0)
            return r;
    }
    *ret = (OutputLine){record->data.data, record->data.length, record->time, record->is_stderr,
        record->details.length ? record->details.data : ""};
    return 1;
}
