// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "shim/log/lines.h"

/* The file below drivers that write one: whole entries are appended, in batches; PATH becomes
 * PATH.1 when it is large enough, PATH.1 becomes PATH.2, … The shim is the only writer.
 *
 * Readers keep a shared flock(2) on the file that they read. Rotation moves a file that is read,
 * and those after it, beyond the number of files rather than to remove it, up to LOG_KEPT_MAX
 * bytes: a follower loses nothing, and a follower that has stopped cannot fill the disk.
 *
 * A full disk never stops the container: what cannot be written is counted, and one entry says how
 * much was lost as soon as writing works again. */
typedef struct LogFile LogFile;

enum {
    LOG_KEPT_MAX = 256 << 20
};

typedef struct LogFileOptions {
    const char *path;
    int64_t max_size; /* bytes after which the file is rotated; 0: never */
    int max_files;    /* with the current one */
    void (*encode)(void *owner, const LogPiece *piece, Text *out); /* appends one entry */
    void *owner;
} LogFileOptions;

/* Appends to an existing file. */
int log_file_open(const LogFileOptions *options, LogFile **ret, Error *err);

void log_file_add(LogFile *file, const LogPiece *piece);
void log_file_write_out(LogFile *file); /* what was added; at the end of every write of the sink */

void log_file_free(LogFile *file);
