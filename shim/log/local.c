// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/time.h"
#include "output/chunk.h"
#include "shim/log/driver.h"
#include "shim/log/file.h"

/* Our own format (lib/output/chunk.h): what a read brought, as it is, behind a header. */
typedef struct LocalFile {
    LogSink sink;
    LogFile *file;
    Text details; /* the chunk at the head of every file; may be empty */
    int64_t next; /* no chunk's time is before it */
} LocalFile;

/* A line's time is its chunk's and a nanosecond for each line before it: no two are the same. */
static int64_t time_for(LocalFile *local, uint32_t lines) {
    int64_t now = time_now();
    if (now < local->next && local->next - now < TIME_SECOND)
        now = local->next;
    local->next = now + lines + 1;
    return now;
}

static uint32_t count_lines(const char *bytes, size_t n) {
    uint32_t lines = 0;
    for (size_t i = 0; i < n; i++) /* the compiler makes vectors of it */
        lines += bytes[i] == '\n';
    return lines;
}

static void encode(void *owner, const LogPiece *piece, Text *out) {
    LocalFile *local = owner;
    char header[OUTPUT_CHUNK_HEADER];
    OutputChunk chunk = {.length = (uint32_t)piece->n,
        .lines = count_lines(piece->bytes, piece->n),
        .is_stderr = piece->stream == LOG_STDERR};
    chunk.time = time_for(local, chunk.lines);
    output_chunk_encode(&chunk, header);
    text_append_bytes(out, header, sizeof header);
    text_append_bytes(out, piece->bytes, piece->n);
}

static void write_bytes(LogSink *sink, LogStream stream, const char *bytes, size_t n) {
    LocalFile *local = (LocalFile *)sink;
    for (size_t at = 0; at < n; at += OUTPUT_CHUNK_MAX) {
        size_t size = n - at < OUTPUT_CHUNK_MAX ? n - at : (size_t)OUTPUT_CHUNK_MAX;
        const LogPiece piece = {.stream = stream, .bytes = bytes + at, .n = size};
        log_file_add(local->file, &piece);
    }
    log_file_write_out(local->file);
}

static void flush(LogSink *sink, LogStream stream) {
}

static void close_sink(LogSink *sink) {
    LocalFile *local = (LocalFile *)sink;
    log_file_free(local->file);
    text_done(&local->details);
    free(local);
}

static void set_details(LocalFile *local, const JsonMap *attributes) {
    autodone(Text) words = {};
    char header[OUTPUT_CHUNK_HEADER];
    for (size_t i = 0; i < attributes->n; i++)
        text_append_format(
            &words, "%s%s=%s", i ? "," : "", attributes->key[i], attributes->value[i]);
    if (words.length == 0 || words.length > OUTPUT_CHUNK_MAX)
        return;
    const OutputChunk chunk = {
        .length = (uint32_t)words.length, .time = time_now(), .is_details = true};
    output_chunk_encode(&chunk, header);
    text_append_bytes(&local->details, header, sizeof header);
    text_append_bytes(&local->details, words.data, words.length);
}

static int open_sink(const LogSinkOptions *options, LogSink **ret, Error *err) {
    LocalFile *local = new (LocalFile);
    set_details(local, &options->attributes);
    const LogFileOptions file = {.path = options->path,
        .settings = options->settings,
        .head = &local->details,
        .encode = encode,
        .owner = local,
        .loop = options->loop};
    int r = log_file_open(&file, &local->file, err);
    if (r < 0) {
        close_sink(&local->sink);
        return r;
    }
    *ret = &local->sink;
    return 0;
}

const LogDriver log_local = {open_sink, write_bytes, flush, close_sink, NULL};
