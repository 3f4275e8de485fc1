// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/content/content.h"
#include "engine/metadata/metadata.h"

/* The content store as a namespace sees it: a blob is there when the namespace has a record of it.
 * The bytes are stored once; who writes what another namespace has already brings none of them. */
typedef struct BlobWriter BlobWriter;

typedef struct BlobWrite {
    const char *space, *reference;
    const char *lease;    /* NULL: none */
    const char *expected; /* digest; NULL or "": not known yet */
    int64_t total;        /* 0: not known yet */
} BlobWrite;

typedef struct BlobStatus {
    int64_t started, updated, total;
    uint64_t offset;
    char *reference, *expected; /* the caller's */
} BlobStatus;
void blob_status_done(BlobStatus *status);
CLEANUP_DEFINE_DONE(BlobStatus, blob_status_done)

/* ERROR_EXISTS: the namespace has it. ERROR_UNAVAILABLE: another client writes it. */
int blob_writer_open(
    Metadata *metadata, Content *content, const BlobWrite *write, BlobWriter **ret, Error *err);
void blob_writer_close(BlobWriter *writer);  /* what was not committed stays */
void blob_writer_forget(BlobWriter *writer); /* what was written is nobody's any more */
CLEANUP_DEFINE(BlobWriter, blob_writer_close)
uint64_t blob_writer_offset(const BlobWriter *writer);
int64_t blob_writer_started(const BlobWriter *writer);
void blob_writer_digest(const BlobWriter *writer, char ret[DIGEST_TEXT_SIZE]);
int blob_writer_write(BlobWriter *writer, const void *data, size_t n, Error *err);
int blob_writer_restart(BlobWriter *writer, Error *err);
/* total 0, expected NULL or "": unchecked. ERROR_STATE: they are wrong. ERROR_EXISTS. */
int blob_writer_commit(
    BlobWriter *writer, uint64_t total, const char *expected, const JsonMap *labels, Error *err);

void blob_status(Content *content, const MetadataRecord *ingest, BlobStatus *ret);
int blob_abort(
    Metadata *metadata, Content *content, const char *space, const char *reference, Error *err);

/* Is it in any namespace, or does a lease say that it will be? */
bool blob_is_known(Metadata *metadata, const char *digest);

/* Start-up: what was being written without a record is removed. */
int blob_sweep(Metadata *metadata, Content *content, Error *err);
