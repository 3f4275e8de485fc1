// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "engine/content/content.h"

/* A blob being written whose digest is known only at the end: ROOT/content/ingest/NAME, NAME
 * chosen by the caller: "ref-" and what makes a file name. It survives a crash and goes on where it
 * ended. One writer at a time. Any thread. */
typedef struct Ingest Ingest;

/* ERROR_UNAVAILABLE: another one writes it. */
int ingest_open(Content *content, const char *name, Ingest **ret, Error *err);
void ingest_close(Ingest *ingest); /* what was not committed stays */
CLEANUP_DEFINE(Ingest, ingest_close)

uint64_t ingest_offset(const Ingest *ingest);
int ingest_write(Ingest *ingest, const void *data, size_t n, Error *err);
int ingest_restart(Ingest *ingest, Error *err);                       /* back to offset 0 */
void ingest_digest(const Ingest *ingest, char ret[DIGEST_TEXT_SIZE]); /* of what is there */

void ingest_discard(Ingest *ingest); /* to be closed: nothing of it stays */

/* The blob appears; a blob that is there already is success. The ingest is over. */
int ingest_commit(Ingest *ingest, Error *err);

/* ERROR_NOT_FOUND. */
typedef struct IngestStatus {
    uint64_t offset;
    int64_t updated;
} IngestStatus;
int ingest_status(Content *content, const char *name, IngestStatus *ret, Error *err);

/* ERROR_UNAVAILABLE: it is being written. Absence is success. */
int ingest_remove(Content *content, const char *name, Error *err);

/* Removes those that `keep` does not want and nobody writes. */
int ingest_sweep(Content *content, ContentKeep *keep, void *user, Error *err);
