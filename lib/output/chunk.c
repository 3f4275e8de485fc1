// SPDX-License-Identifier: Apache-2.0
#include "output/chunk.h"

#include <endian.h>
#include <string.h>

#include "output/record.h"

static const char magic[4] = "\x89TLg";

enum {
    FLAG_STDERR = 1,
    FLAG_DETAILS = 1
};

typedef struct Header {
    char magic[4];
    uint32_t length;
    uint64_t time;
    uint32_t lines;
    uint8_t stream, flags, zero[2];
} Header;
_Static_assert(sizeof(Header) == OUTPUT_CHUNK_HEADER, "as on disk");

void output_chunk_encode(const OutputChunk *chunk, char ret[OUTPUT_CHUNK_HEADER]) {
    Header header = {.length = htole32(chunk->length),
        .time = htole64((uint64_t)chunk->time),
        .lines = htole32(chunk->lines),
        .stream = chunk->is_stderr ? FLAG_STDERR : 0,
        .flags = chunk->is_details ? FLAG_DETAILS : 0};
    memcpy(header.magic, magic, sizeof magic);
    memcpy(ret, &header, sizeof header);
}

bool output_chunk_decode(const char header[OUTPUT_CHUNK_HEADER], OutputChunk *ret) {
    Header from;
    memcpy(&from, header, sizeof from);
    *ret = (OutputChunk){.length = le32toh(from.length),
        .lines = le32toh(from.lines),
        .time = (int64_t)le64toh(from.time),
        .is_stderr = from.stream == FLAG_STDERR,
        .is_details = from.flags == FLAG_DETAILS};
    return memcmp(from.magic, magic, sizeof magic) == 0 && from.stream <= FLAG_STDERR &&
           from.flags <= FLAG_DETAILS && !from.zero[0] && !from.zero[1] &&
           ret->length <= OUTPUT_CHUNK_MAX && ret->lines <= ret->length && ret->time >= 0;
}

/* Up to the next magic where there is no header. */
static size_t measure(const char *bytes, size_t n) {
    OutputChunk chunk;
    if (n < OUTPUT_CHUNK_HEADER)
        return 0;
    if (output_chunk_decode(bytes, &chunk)) {
        size_t size = OUTPUT_CHUNK_HEADER + chunk.length;
        return size <= n ? size : 0;
    }
    const char *next = memmem(bytes + 1, n - 1, magic, sizeof magic);
    return next ? (size_t)(next - bytes) : n - sizeof magic + 1;
}

static int parse(const char *bytes, size_t n, OutputRecord *record, Error *err) {
    OutputChunk chunk;
    if (n < OUTPUT_CHUNK_HEADER || !output_chunk_decode(bytes, &chunk) ||
        chunk.length != n - OUTPUT_CHUNK_HEADER)
        return error_set(err, ERROR_CORRUPT, "not an entry of a local log");
    record->is_stderr = chunk.is_stderr;
    record->time = chunk.time;
    text_clear(&record->data);
    Text *to = chunk.is_details ? &record->details : &record->data;
    text_clear(to);
    text_append_bytes(to, bytes + OUTPUT_CHUNK_HEADER, chunk.length);
    return 0;
}

const OutputFormat output_local = {false, measure, parse};
