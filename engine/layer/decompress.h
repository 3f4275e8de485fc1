// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Plain, gzip, xz, zstd or bzip2, told apart by their first bytes as every engine does: the media
 * types of layers in the wild cannot be relied on. One thread. The doors to ISA-L, liblzma, libzstd
 * and libbz2. */
typedef struct Decompressor Decompressor;

/* fd is borrowed and read from where it stands. follow: -1, or where the engine says how far fd can
 * be read by now (engine/layer/frame.h). */
int decompressor_new(int fd, int follow, Decompressor **ret, Error *err);
void decompressor_free(Decompressor *decompressor);

/* Before the first read: the content's own digest is known, so zstd's checksum of it proves
 * nothing more. */
void decompressor_skip_checksum(Decompressor *decompressor);
CLEANUP_DEFINE(Decompressor, decompressor_free)

/* Fills the buffer, *ret_n less than size only at the end. ERROR_CORRUPT: cut off or damaged. */
int decompressor_read(
    Decompressor *decompressor, void *buffer, size_t size, size_t *ret_n, Error *err);

/* Compressed bytes read so far. */
uint64_t decompressor_position(const Decompressor *decompressor);
