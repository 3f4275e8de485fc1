// SPDX-License-Identifier: Apache-2.0
#include "shim/log/line_sink.h"

#include <stdlib.h>

static void take(void *owner, const LogPiece *piece) {
    log_file_add(((LogLineSink *)owner)->file, piece);
}

void log_line_sink_write(LogSink *sink, LogStream stream, const char *bytes, size_t n) {
    LogLineSink *self = (LogLineSink *)sink;
    log_lines_write(&self->lines, stream, bytes, n);
    log_file_write_out(self->file);
}

void log_line_sink_flush(LogSink *sink, LogStream stream) {
    LogLineSink *self = (LogLineSink *)sink;
    log_lines_flush(&self->lines, stream);
    log_file_write_out(self->file);
}

const Text *log_line_sink_partial(const LogSink *sink, LogStream stream) {
    return &((const LogLineSink *)sink)->lines.partial[stream].text;
}

void log_line_sink_close(LogSink *sink) {
    LogLineSink *self = (LogLineSink *)sink;
    log_file_free(self->file);
    log_lines_done(&self->lines);
    free(self);
}

int log_line_sink_open(LogLineSink *line_sink, const LogSinkOptions *options,
    void (*encode)(void *owner, const LogPiece *piece, Text *out), Error *err) {
    const LogFileOptions file = {.path = options->path,
        .settings = options->settings,
        .encode = encode,
        .owner = line_sink,
        .loop = options->loop};
    line_sink->lines = (LogLines){.take = take, .owner = line_sink};
    return log_file_open(&file, &line_sink->file, err);
}
