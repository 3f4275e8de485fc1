// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "output/settings.h"
#include "shim/log/lines.h"
#include "shim/loop.h"

/* The file below drivers that write one: whole entries are appended, in batches; when it is large
 * enough it is put aside (shim/log/rotation.h) and another one begins. The shim is the only writer.
 *
 * A full disk never stops the container: what cannot be written is counted, and one entry says how
 * much was lost as soon as writing works again. */
typedef struct LogFile LogFile;

typedef struct LogFileOptions {
    const char *path;
    OutputSettings settings;
    const Text *head; /* borrowed; what a file begins with, or NULL */
    Loop *loop;
    void (*encode)(void *owner, const LogPiece *piece, Text *out); /* appends one entry */
    void *owner;
} LogFileOptions;

/* Appends to an existing file; half an entry at its end is cut off. *ret is to be freed whatever
 * happens. */
int log_file_open(const LogFileOptions *options, LogFile **ret, Error *err);

void log_file_add(LogFile *file, const LogPiece *piece);
void log_file_write_out(LogFile *file); /* what was added; at the end of every write of the sink */

void log_file_free(LogFile *file); /* takes NULL */
