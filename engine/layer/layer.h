// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/content/digest.h"

/* A layer's tar becomes a directory. Hostile bytes are read only by tare-unpack, a program of its
 * own that sees nothing of the machine but that directory (docs/decisions/0007); the
 * engine starts it, reads its frames (engine/layer/frame.h) and does what needs its own rights
 * afterwards. */

/* Compressed bytes read so far. Negative = stop (ERROR_CANCELLED). */
typedef int LayerProgress(void *user, uint64_t current);

#define LAYER_ANY_DIFF_ID "?" /* whatever the digest is, LayerResult tells it */

typedef struct LayerUnpack {
    const char *program; /* path of tare-unpack */
    int blob;            /* the compressed tar, from its start */
    int follow;          /* of a blob that still grows: tells how far it can be read
                            (engine/layer/frame.h); 0: the blob is complete */
    int tree;            /* empty directory */
    const char *diff_id; /* digest that the uncompressed tar must have; NULL: an archive of plain
                            files, unverified */
    LayerProgress *progress;
    void *user;
} LayerUnpack;

typedef struct LayerResult {
    uint64_t bytes, inodes;
    uint64_t tar_size; /* uncompressed */
    char diff_id[DIGEST_TEXT_SIZE];
    JsonTexts implicit; /* directories that the tar only implies; "" is the root */
    JsonTexts opaque;   /* directories that hide those below */
} LayerResult;

/* ERROR_CORRUPT: not a tar, cut off, wrong digest or forbidden content; the tree is then garbage.
 */
int layer_unpack(const LayerUnpack *unpack, LayerResult *ret, Error *err);

/* Once the trees below are complete (topmost first): implied directories look like theirs, opaque
 * ones get overlayfs' mark. */
int layer_finish(int tree, const LayerResult *result, const int *parents, size_t n, Error *err);

void layer_result_done(LayerResult *result);
CLEANUP_DEFINE_DONE(LayerResult, layer_result_done)
