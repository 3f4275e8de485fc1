// SPDX-License-Identifier: Apache-2.0
#include "shim/log/replay.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "output/reader.h"
#include "shim/log/driver.h"

struct LogReplay {
    LogSink *sink;
    OutputReader *reader;
};

LogReplay *log_replay_new(LogSink *sink) {
    if (!sink || !sink->path)
        return NULL;
    OutputReader *reader = NULL;
    Error err = {};
    const OutputReaderOptions options = {
        .driver = sink->kind, .path = sink->path, .tail = OUTPUT_TAIL_ALL};
    if (output_reader_open(&options, &reader, &err) < 0) {
        log_failure(LOG_LEVEL_WARNING, &err);
        return NULL;
    }
    LogReplay *replay = new (LogReplay);
    *replay = (LogReplay){sink, reader};
    return replay;
}

LogReplay *log_replay_free(LogReplay *replay) {
    if (replay)
        output_reader_close(replay->reader);
    free(replay);
    return NULL;
}

int log_replay_next(LogReplay *replay, LogStream *ret_stream, const char **ret, size_t *ret_n) {
    OutputLine line;
    Error err = {};
    int r = output_reader_next(replay->reader, &line, &err);
    if (r < 0)
        log_failure(LOG_LEVEL_WARNING, &err);
    if (r <= 0)
        return 0;
    *ret_stream = line.is_stderr ? LOG_STDERR : LOG_STDOUT;
    *ret = line.bytes;
    *ret_n = line.n;
    return 1;
}

void log_replay_rest(LogReplay *replay, LogStream stream, const char **ret, size_t *ret_n) {
    const Text *partial =
        replay->sink->driver->partial ? replay->sink->driver->partial(replay->sink, stream) : NULL;
    *ret = partial ? partial->data : NULL;
    *ret_n = partial ? partial->length : 0;
}
