// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* One entry of a log, whatever its format. Initialise with = {}. */
typedef struct OutputRecord {
    Text data;    /* the program's bytes; a line's newline belongs to them */
    Text details; /* "name=value,…" of what the log says besides */
    bool is_stderr;
    int64_t time; /* of its first line; each further line is a nanosecond later */
} OutputRecord;

void output_record_done(OutputRecord *record);
CLEANUP_DEFINE_DONE(OutputRecord, output_record_done)

/* How a file is cut into entries, and what an entry says. Bytes that are no entry (a disk that was
 * full, a machine that lost power) are measured as one that does not parse. */
typedef struct OutputFormat {
    bool by_line; /* an entry is a line of the file, and holds one line or less */
    /* Bytes of the entry at the beginning; 0: more than n are needed. */
    size_t (*measure)(const char *bytes, size_t n);
    /* The record's memory is used again. ERROR_CORRUPT. */
    int (*parse)(const char *bytes, size_t n, OutputRecord *ret, Error *err);
} OutputFormat;

extern const OutputFormat output_json_file, output_cri, output_local;

enum {
    OUTPUT_ENTRY_MAX = 4 << 20 /* bytes; longer ones are skipped */
};

/* measure() of formats whose entries are lines */
size_t output_measure_line(const char *bytes, size_t n);
