// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "shim/log/driver.h"
#include "shim/log/file.h"
#include "shim/log/lines.h"

/* A driver whose log is a file with an entry for every piece of a line: all of it but how an entry
 * is written. A format with a state of its own begins with a LogLineSink. */
typedef struct LogLineSink {
    LogSink sink;
    LogLines lines;
    LogFile *file;
} LogLineSink;

/* `line_sink` is zeroed memory of the heap, which log_line_sink_close frees; owner of `encode`. */
int log_line_sink_open(LogLineSink *line_sink, const LogSinkOptions *options,
    void (*encode)(void *owner, const LogPiece *piece, Text *out), Error *err);
void log_line_sink_write(LogSink *sink, LogStream stream, const char *bytes, size_t n);
void log_line_sink_flush(LogSink *sink, LogStream stream);
const Text *log_line_sink_partial(const LogSink *sink, LogStream stream);
void log_line_sink_close(LogSink *sink);
