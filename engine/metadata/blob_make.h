// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/metadata/blob.h"

/* A blob that the engine itself makes for a namespace, from the first byte to the record: what
 * fails leaves no ingest that somebody might go on with. */

/* Writes the bytes, and may set labels that only they tell. */
typedef int BlobFill(BlobWriter *writer, JsonMap *labels, void *user, Error *err);

typedef struct BlobMake {
    Metadata *metadata;
    Content *content;
    const char *space, *lease;
    const char *reference; /* of the ingest; NULL or "": any */
    const JsonMap *labels; /* NULL: none */
    BlobFill *fill;
    void *user;
} BlobMake;

typedef struct BlobMade {
    char digest[DIGEST_TEXT_SIZE];
    uint64_t size;
} BlobMade;

/* blob_writer_write for who knows a BlobWriter as its `user` only. */
int blob_make_write(void *writer, const void *data, size_t n, Error *err);

/* Another one may have written the same: that gets the labels, too. */
int blob_make(const BlobMake *make, BlobMade *ret, Error *err);

/* The same of bytes that are at hand. */
int blob_make_of(BlobMake make, const void *data, size_t n, BlobMade *ret, Error *err);
