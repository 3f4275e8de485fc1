// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "engine/layer/compression.h"

/* The same bytes for the same bytes. One thread. The counterpart of engine/layer/decompress.h. */
typedef int CompressorWrite(void *user, const void *data, size_t n, Error *err);

typedef struct Compressor Compressor;
int compressor_new(
    Compression compression, CompressorWrite *write, void *user, Compressor **ret, Error *err);
void compressor_free(Compressor *compressor);
CLEANUP_DEFINE(Compressor, compressor_free)

/* end: nothing follows, and all is written. */
int compressor_add(Compressor *compressor, const void *data, size_t n, bool end, Error *err);
