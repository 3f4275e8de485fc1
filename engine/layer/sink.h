// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "engine/content/digest.h"
#include "engine/layer/compress.h"

/* Where a layer's tar goes: one thread hashes it, another one compresses and writes it, while the
 * caller, one thread, makes more. The counterpart of engine/layer/stream.h. */
typedef struct Sink Sink;

/* write is called on the sink's own thread. limit: bytes of tar. */
int sink_open(Compression compression, uint64_t limit, CompressorWrite *write, void *user,
    Sink **ret, Error *err);
void sink_close(Sink *sink); /* without sink_finish: throws away what is not written yet */
CLEANUP_DEFINE(Sink, sink_close)

/* ERROR_EXHAUSTED: more than the limit. What the writing thread could not do is said here. */
int sink_add(Sink *sink, const void *data, size_t n, Error *err);

/* All is written. */
int sink_finish(Sink *sink, char ret_digest[DIGEST_TEXT_SIZE], Error *err);
uint64_t sink_size(const Sink *sink); /* bytes of tar so far */
