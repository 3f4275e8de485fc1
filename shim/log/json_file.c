// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/memory.h"
#include "shim/log/escape.h"
#include "shim/log/line_sink.h"
#include "shim/log/moment.h"

/* Docker's json-file format: one JSON object a line, {"log","stream","attrs","time"}. A line of the
 * program that is longer than 16 KiB becomes several entries, of which only the last one's text
 * ends with a newline; so does output that ends without one. Bytes that are no UTF-8 are in "raw",
 * as base64, besides: Docker's readers pass over it, and ours gives the bytes back. */
typedef struct JsonFile {
    LogLineSink line_sink; /* first */
    LogMoment moment;
    char *middle[LOG_STREAMS]; /* from "stream" to the time */
    size_t middle_n[LOG_STREAMS];
} JsonFile;

static const char head[] = "{\"log\":\"", raw[] = "\",\"raw\":\"", tail[] = "\"}\n";

static char *copy(char *to, const char *bytes, size_t n) {
    memcpy(to, bytes, n);
    return to + n;
}

/* Millions of times a second: room is made once. */
static void encode(void *owner, const LogPiece *piece, Text *out) {
    JsonFile *json = owner;
    size_t middle = json->middle_n[piece->stream];
    size_t raw_room = sizeof raw + piece->n / 3 * 4 + 4; /* base64 */
    bool good;
    text_reserve(out, sizeof head + LOG_ESCAPE_EXPANSION * piece->n + LOG_ESCAPE_SLACK + raw_room +
                          middle + LOG_MOMENT_SIZE + sizeof tail);
    char *to = copy(out->data + out->length, head, sizeof head - 1);
    to = log_escape(to, piece->bytes, piece->n - piece->ends_line, &good);
    if (piece->ends_line)
        to = copy(to, "\\n", 2);
    if (!good) {
        to = copy(to, raw, sizeof raw - 1);
        to = base64_encode(to, piece->bytes, piece->n);
    }
    to = copy(to, json->middle[piece->stream], middle);
    log_moment_write(&json->moment, piece->time, to);
    to = copy(to + LOG_MOMENT_SIZE, tail, sizeof tail - 1);
    out->length = (size_t)(to - out->data);
}

static char *middle_of(LogStream stream, const JsonMap *attributes) {
    Text out = {};
    text_append_format(&out, "\",\"stream\":\"%s\",", log_stream_name(stream));
    for (size_t i = 0; i < attributes->n; i++) {
        text_append(&out, i ? "," : "\"attrs\":{");
        json_append_string(&out, attributes->key[i], strlen(attributes->key[i]));
        text_append(&out, ":");
        json_append_string(&out, attributes->value[i], strlen(attributes->value[i]));
    }
    text_append(&out, attributes->n ? "},\"time\":\"" : "\"time\":\"");
    return text_take(&out);
}

static void close_sink(LogSink *sink) {
    JsonFile *json = (JsonFile *)sink;
    char *middle[] = {json->middle[LOG_STDOUT], json->middle[LOG_STDERR]};
    log_line_sink_close(sink); /* may have something to write yet */
    for (int i = 0; i < LOG_STREAMS; i++)
        free(middle[i]);
}

static int open_sink(const LogSinkOptions *options, LogSink **ret, Error *err) {
    JsonFile *json = new (JsonFile);
    for (LogStream stream = LOG_STDOUT; stream < LOG_STREAMS; stream++) {
        json->middle[stream] = middle_of(stream, &options->attributes);
        json->middle_n[stream] = strlen(json->middle[stream]);
    }
    int r = log_line_sink_open(&json->line_sink, options, encode, err);
    if (r < 0) {
        close_sink(&json->line_sink.sink);
        return r;
    }
    *ret = &json->line_sink.sink;
    return 0;
}

const LogDriver log_json_file = {
    open_sink, log_line_sink_write, log_line_sink_flush, close_sink, log_line_sink_partial};
