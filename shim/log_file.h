// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

/* The container's output in Docker's json-file format: one JSON object a line, {"log","stream",
 * "time"}. A line of the program that is longer than 16 KiB becomes several entries, of which only
 * the last one's text ends with a newline; so does output that ends without one. The shim is the
 * only writer; readers follow a rotation by seeing the name change its inode.
 *
 * A full disk never stops the container: what cannot be written is counted, and one entry says how
 * much was lost as soon as writing works again. */
typedef struct LogFile LogFile;

typedef enum LogStream {
    LOG_STDOUT,
    LOG_STDERR,
    LOG_STREAMS
} LogStream;

typedef struct LogFileOptions {
    const char *path;
    int64_t max_size; /* bytes after which the file is rotated; 0: never */
    int max_files;    /* with the current one: path, path.1, …; 1 or less: truncate only */
} LogFileOptions;

/* Appends to an existing file. */
int log_file_open(const LogFileOptions *options, LogFile **ret, Error *err);

void log_file_write(LogFile *log, LogStream stream, const char *bytes, size_t n);

/* Writes what came after the last newline; for the end of a stream. */
void log_file_flush(LogFile *log, LogStream stream);

LogFile *log_file_free(LogFile *log); /* flushes; returns NULL */
static inline void log_file_drop_(LogFile *log) {
    log_file_free(log);
}
CLEANUP_DEFINE(LogFile, log_file_drop_)
