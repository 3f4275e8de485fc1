// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

/* The lines of a rotated log as one stream, oldest first: PATH.9 … PATH.1, PATH. The writer may
 * append and rotate at any moment; no line is lost or read twice as long as its file exists. */
typedef struct LogFiles LogFiles;

enum {
    LOG_TAIL_ALL = -1
};

/* tail: only the last so many lines of what is there now. A log that does not exist yet is empty.
 */
int log_files_open(const char *path, int64_t tail, LogFiles **ret, Error *err);
void log_files_close(LogFiles *files);
CLEANUP_DEFINE(LogFiles, log_files_close)

/* The next whole line without its newline, valid until the next call; *ret NULL: there is none at
 * the moment. Lines over 4 MiB are skipped. */
int log_files_next(LogFiles *files, const char **ret, size_t *ret_n, Error *err);
