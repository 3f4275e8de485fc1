// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The format "local" (docs/decisions/0014-log-drivers-are-in-the-shim.md): what one read of the
 * program's output brought, behind a header, little-endian:
 *
 *     0  magic "\x89TLg"     8  time of its first line, ns since 1970     20  stream, flags, 2 × 0
 *     4  length of the bytes 16 newlines among them                       24  the bytes
 *
 * A header says all that is needed to pass over its bytes: they are the index. */
typedef struct OutputChunk {
    uint32_t length, lines;
    int64_t time;
    bool is_stderr;
    bool is_details; /* the bytes are "name=value,…" of what follows */
} OutputChunk;

enum {
    OUTPUT_CHUNK_HEADER = 24,
    OUTPUT_CHUNK_MAX = 1 << 20 /* bytes of one */
};

void output_chunk_encode(const OutputChunk *chunk, char ret[OUTPUT_CHUNK_HEADER]);
bool output_chunk_decode(const char header[OUTPUT_CHUNK_HEADER], OutputChunk *ret);
