// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "output/record.h"

/* One file of a log, read from some place on: PATH, PATH.3 or PATH.3.gz. The writer may append to
 * it meanwhile. Only for lib/output. */
typedef struct OutputSource OutputSource;

/* Holds a shared lock on the file, which keeps the writer from removing or replacing it.
 * ERROR_NOT_FOUND: no such file, or not any more. */
int output_source_open(
    const char *path, const OutputFormat *format, OutputSource **ret, Error *err);
void output_source_close(OutputSource *source); /* takes NULL */

ino_t output_source_inode(const OutputSource *source);
bool output_source_is_removed(const OutputSource *source);

/* Moves to the last *lines lines; what is missing remains in *lines, what is too much, because only
 * whole entries are passed over, comes in *ret_skip. newest: of the log, where what comes after
 * the last newline is a line as well. */
int output_source_tail(
    OutputSource *source, bool newest, int64_t *lines, int64_t *ret_skip, Error *err);

/* Passes over what is certainly older. */
int output_source_since(OutputSource *source, int64_t time, Error *err);

/* Whether the file became shorter than what was read of it. Then reading goes on behind the last
 * entry, if only some of the last `unread` bytes are gone (an entry that the writer could not
 * finish), or at the beginning; the caller forgets these bytes. */
bool output_source_shrank(OutputSource *source, size_t unread);

/* At most `room` bytes more; 0 at the end of what is there. ERROR_CORRUPT. */
int output_source_read(OutputSource *source, char *ret, size_t room, Error *err);

/* "name=value,…" that the file's head says of all its entries; or nothing. */
int output_source_details(OutputSource *source, Text *ret, Error *err);
