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
    struct {
        char *text; /* from the newline to the entry's end, with room for the time */
        size_t n;
    } tail[LOG_STREAMS];
} JsonFile;

enum {
    WIDTH = 32,  /* bytes that are copied at once, of which LOG_ESCAPE_SLACK has as many */
    NEWLINE = 2, /* bytes of a tail before the quote */
    AFTER_TIME = 3,
    BASE64_EXPANSION = 4, /* a byte becomes at most */
};
_Static_assert((int)LOG_ESCAPE_SLACK >= WIDTH, "stored at once");

static const char head[] = "{\"log\":\"", raw[] = "\",\"raw\":\"";

static char *copy(char *to, const char *bytes, size_t n) {
    memcpy(to, bytes, n);
    return to + n;
}

/* No call for what is nearly always two steps: reads and writes up to WIDTH - 1 bytes more. */
static char *copy_wide(char *to, const char *bytes, size_t n) {
    size_t at = 0;
    do
        memcpy(to + at, bytes + at, WIDTH);
    while ((at += WIDTH) < n);
    return to + n;
}

/* Millions of times a second: room is made once, and what is the same in all entries is one copy.
 */
static void encode(void *owner, const LogPiece *piece, Text *out) {
    JsonFile *json = owner;
    const char *tail = json->tail[piece->stream].text;
    size_t tail_n = json->tail[piece->stream].n;
    bool good;
    text_reserve(out, (LOG_ESCAPE_EXPANSION + BASE64_EXPANSION) * piece->n + LOG_ESCAPE_SLACK +
                          sizeof head + NEWLINE + sizeof raw + tail_n);
    char *to = copy(out->data + out->length, head, sizeof head - 1);
    to = log_escape(to, piece->bytes, piece->n - piece->ends_line, &good);
    if (!good) {
        to = copy(to, tail, piece->ends_line ? NEWLINE : 0);
        to = copy(to, raw, sizeof raw - 1);
        to = base64_encode(to, piece->bytes, piece->n);
    }
    size_t skipped = good && piece->ends_line ? 0 : NEWLINE;
    to = copy_wide(to, tail + skipped, tail_n - skipped);
    log_moment_write(&json->moment, piece->time, to - AFTER_TIME - LOG_MOMENT_SIZE);
    out->length = (size_t)(to - out->data);
}

static void make_tail(JsonFile *json, LogStream stream, const JsonMap *attributes) {
    Text out = {};
    text_append_format(&out, "\\n\",\"stream\":\"%s\",", log_stream_name(stream));
    for (size_t i = 0; i < attributes->n; i++) {
        text_append(&out, i ? "," : "\"attrs\":{");
        json_append_string(&out, attributes->key[i], strlen(attributes->key[i]));
        text_append(&out, ":");
        json_append_string(&out, attributes->value[i], strlen(attributes->value[i]));
    }
    text_append_format(
        &out, "%s\"time\":\"%*s\"}\n", attributes->n ? "}," : "", LOG_MOMENT_SIZE, "");
    text_reserve(&out, WIDTH);
    json->tail[stream].n = out.length;
    json->tail[stream].text = text_take(&out);
}

static void close_sink(LogSink *sink) {
    JsonFile *json = (JsonFile *)sink;
    char *tail[] = {json->tail[LOG_STDOUT].text, json->tail[LOG_STDERR].text};
    log_line_sink_close(sink); /* may have something to write yet */
    for (int i = 0; i < LOG_STREAMS; i++)
        free(tail[i]);
}

static int open_sink(const LogSinkOptions *options, LogSink **ret, Error *err) {
    JsonFile *json = new (JsonFile);
    for (LogStream stream = LOG_STDOUT; stream < LOG_STREAMS; stream++)
        make_tail(json, stream, &options->attributes);
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
