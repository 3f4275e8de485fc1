// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/cleanup.h"
#include "base/error.h"

/* Where -o puts an archive: a file that appears whole or not at all, so that a failure leaves the
 * old one. What is no file (/dev/null, a FIFO) is written to. */
typedef struct OutputFile {
    int fd;
    const char *path; /* borrowed; NULL: standard output */
    char *temporary;  /* NULL: written to directly */
} OutputFile;

/* ERROR_INVALID: standard output is a terminal. */
int output_file_open(const char *path, OutputFile *ret, Error *err);
int output_file_finish(OutputFile *output, Error *err);
void output_file_done(OutputFile *output); /* not finished: nothing stays */
CLEANUP_DEFINE_DONE(OutputFile, output_file_done)
