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
int diff_apply(const Trees *trees, Images *images, const MetadataRecord *blob,
    const SnapshotMount *mount, DiffResult *ret, Error *err);
