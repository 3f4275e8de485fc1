// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "output/reader.h"

/* The lines of a container in systemd's journal, oldest first, by tare-journal. For one thread. */
typedef struct Journal Journal;

typedef struct JournalOptions {
    const char *container; /* id */
    int64_t tail;         /* only the last so many lines of what is there now, or OUTPUT_TAIL_ALL */
    int64_t since, until; /* only hints: more may come; 0: none */
} JournalOptions;

/* Follows the journal until journal_finish. */
int journal_open(const JournalOptions *options, Journal **ret, Error *err);
void journal_close(Journal *journal); /* takes NULL */
CLEANUP_DEFINE(Journal, journal_close)

/* What was sent to the journal before is all that comes now. */
void journal_finish(Journal *journal);

/* 1: a line, or a piece of a very long one; 0: there is none at the moment, journal_fd tells when;
 * or at all: journal_has_ended. ERROR_UNAVAILABLE: there is no journal here. */
int journal_next(Journal *journal, OutputLine *ret, Error *err);
bool journal_has_ended(const Journal *journal);
int journal_fd(const Journal *journal);
