// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/image.h"
#include "engine/metadata/tree.h"

/* Between layers as blobs and layers as snapshots. */
typedef struct DiffResult {
    const char *media_type; /* static */
    char digest[DIGEST_TEXT_SIZE];
    uint64_t size;
} DiffResult;

/* The blob's content goes into the snapshot that the mount is of, by the confined unpacker; the
 * result describes the uncompressed tar. ERROR_UNSUPPORTED: a mount that is not the engine's. */
/* What `right` has and `left` has not becomes a blob of the namespace. */
typedef struct DiffMake {
    const char *space, *lease;
    const char *reference;             /* of the ingest; NULL or "": any */
    const char *media_type;            /* NULL or "": gzip */
    const SnapshotMount *left, *right; /* left NULL: nothing */
    const JsonMap *labels;
} DiffMake;
int diff_make(
    const Trees *trees, Images *images, const DiffMake *make, DiffResult *ret, Error *err);

int diff_apply(const Trees *trees, Images *images, const MetadataRecord *blob,
    const SnapshotMount *mount, DiffResult *ret, Error *err);
