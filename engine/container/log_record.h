// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* One entry of a json-file log: {"log":"…\n","stream":"stdout","time":"…"}. An own parser and not
 * base/json.h, because output may hold NUL characters, which C strings lose. */
typedef struct LogRecord {
    Text data; /* bytes as written, with their newline; a partial line has none */
    bool is_stderr;
    int64_t time;
} LogRecord;

/* The record's memory is used again. `line` is without its newline. ERROR_CORRUPT. */
int log_record_parse(const char *line, size_t n, LogRecord *record, Error *err);
