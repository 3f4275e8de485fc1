// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "engine/content/digest.h"

/* The uncompressed tar as a ring of buffers: one thread decompresses, one hashes, and the caller
 * reads, each a few buffers apart. So a layer takes the time of the slowest of the three. */
typedef struct Stream Stream;

typedef struct StreamSource {
    int fd, follow; /* borrowed; follow may be -1 (engine/layer/decompress.h) */
    uint64_t limit; /* more bytes are ERROR_EXHAUSTED */
    bool expected;  /* the caller compares the digest with one that it knows */
} StreamSource;

int stream_open(const StreamSource *source, Stream **ret, Error *err);
void stream_close(Stream *stream); /* stops the threads */
CLEANUP_DEFINE(Stream, stream_close)

/* The next piece, valid until the next call; *ret_n 0 = end. */
int stream_next(Stream *stream, const void **ret, size_t *ret_n, Error *err);

/* Reads on to the end: what follows the tar's end mark belongs to the digest too. */
int stream_finish(Stream *stream, char ret_digest[DIGEST_TEXT_SIZE], Error *err);

uint64_t stream_position(Stream *stream); /* compressed bytes read so far */
uint64_t stream_size(Stream *stream);     /* uncompressed bytes, after stream_finish */
