// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "output/settings.h"

/* The lines of a log as one stream, oldest first: PATH.9.gz … PATH.1, PATH. The writer may append
 * and rotate at any moment; no line is lost or read twice as long as its file exists, and it does
 * while we read it (shim/log/file.h). Where lines are lost nevertheless, one line says so. */
typedef struct OutputReader OutputReader;

enum {
    OUTPUT_TAIL_ALL = -1
};

typedef struct OutputReaderOptions {
    OutputDriver driver; /* one that writes a file */
    const char *path;
    int64_t tail;  /* only the last so many lines of what is there now, or OUTPUT_TAIL_ALL */
    int64_t since; /* only a hint: older lines may come; 0: none */
} OutputReaderOptions;

typedef struct OutputLine {
    const char *bytes; /* valid until the next call; the newline belongs to them, if there is one */
    size_t n;
    int64_t time;
    bool is_stderr;
    const char *details; /* "name=value,…" or "" */
} OutputLine;

/* A log that does not exist yet is empty. */
int output_reader_open(const OutputReaderOptions *options, OutputReader **ret, Error *err);
void output_reader_close(OutputReader *reader); /* takes NULL */
CLEANUP_DEFINE(OutputReader, output_reader_close)

/* 1: a line, or a piece of a very long one; 0: there is none at the moment. Entries that are
 * damaged or over 4 MiB are left out. */
int output_reader_next(OutputReader *reader, OutputLine *ret, Error *err);
