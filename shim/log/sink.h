// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "output/settings.h"
#include "shim/loop.h"

/* Where a container's output is logged. One for all lives of a container; Stdio writes to it what
 * the program wrote, in the order of its reads. Writing never fails and, but for the disk's own
 * time (and that only where no other container would have to wait, too), never waits: what a driver
 * cannot take is counted and told in the log itself. A driver in blocking mode that has enough
 * waiting says that it is full; then the program waits. */
typedef struct LogSink LogSink;

typedef enum LogStream {
    LOG_STDOUT,
    LOG_STDERR,
    LOG_STREAMS
} LogStream;

typedef struct LogSinkOptions {
    OutputSettings settings;
    bool plain;       /* bytes as they are at the end of a file, no driver's format */
    const char *path; /* of drivers that write a file */
    const char *id, *name, *image, *tag; /* of the container */
    JsonMap attributes;                  /* labels and variables that --log-opt names */
    Loop *loop;
    bool apart;                 /* other containers have the same loop: shim/log/apart.h */
    void (*ready)(void *owner); /* full, or behind, no more */
    void *owner;
} LogSinkOptions;

/* Appends to an existing log. NULL for the driver "none". */
int log_sink_open(const LogSinkOptions *options, LogSink **ret, Error *err);

void log_sink_write(LogSink *sink, LogStream stream, const char *bytes, size_t n);

/* A stream has ended: writes what came after the last newline. */
void log_sink_flush(LogSink *sink, LogStream stream);

bool log_sink_is_full(const LogSink *sink);

/* Whether something that was written is still on its way. */
bool log_sink_is_behind(const LogSink *sink);

LogSink *log_sink_free(LogSink *sink); /* flushes; returns NULL; takes NULL */
static inline void log_sink_drop_(LogSink *sink) {
    log_sink_free(sink);
}
CLEANUP_DEFINE(LogSink, log_sink_drop_)
