// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "base/memory.h"
#include "base/time.h"
#include "shim/log/line_sink.h"

/* Docker's json-file format: one JSON object a line, {"log","stream","time"}. A line of the program
 * that is longer than 16 KiB becomes several entries, of which only the last one's text ends with a
 * newline; so does output that ends without one. */

static void encode(void *owner, const LogPiece *piece, Text *out) {
    char when[TIME_TEXT_SIZE];
    text_append(out, "{\"log\":");
    json_append_string(out, piece->bytes, piece->n);
    text_append_format(out, ",\"stream\":\"%s\",\"time\":\"%s\"}\n", log_stream_name(piece->stream),
        time_format(piece->time, when));
}

static int open_sink(const LogSinkOptions *options, LogSink **ret, Error *err) {
    return log_line_sink_open(new (LogLineSink), options, encode, ret, err);
}

const LogDriver log_json_file = {
    open_sink, log_line_sink_write, log_line_sink_flush, log_line_sink_close};
