// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "shim/log/sink.h"

/* What a log holds already, for a client that wants it before the live output. Reads a little at a
 * time; when there is no more, the client gets the rest and the live output in the same turn of the
 * loop, and misses nothing and gets nothing twice. */
typedef struct LogReplay LogReplay;

/* Of a log that is borrowed. NULL: it cannot be read back. */
LogReplay *log_replay_new(LogSink *sink);
LogReplay *log_replay_free(LogReplay *replay); /* returns NULL; takes NULL */

/* 1: bytes, valid until the next call; 0: no more. What cannot be read is the end. */
int log_replay_next(LogReplay *replay, LogStream *ret_stream, const char **ret, size_t *ret_n);

/* What came after the last newline of a stream and is not in the log yet. */
void log_replay_rest(LogReplay *replay, LogStream stream, const char **ret, size_t *ret_n);
