// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "engine/content/digest.h"

/* What tare-unpack and tare-pack write to their standard output, in this machine's byte order. The
 * engine believes lengths and counts only within the bounds below: the writer has read hostile
 * bytes.
 *
 *     tare-unpack (0: blob, 1: frames, 2: standard error, 3: tree; argv[1]: diff id, "-" or "?";
 * with "follow" as argv[2], 4: how far the blob can be read) PROGRESS u64          now and then
 *     IMPLICIT path         0 or more, at the end
 *     OPAQUE path           0 or more, at the end
 *     DONE LayerDone | FAILED Error
 *
 *     tare-pack MODE COMPRESSION UPPER LOWER [LEFT-OUT…] (0: with mode "copy" a tar; 3, …: UPPER
 * trees and then LOWER trees, each topmost first) DATA bytes            0 or more: the stream,
 * modes "layer", "flat" and "copy" CHANGE kind, path     0 or more, mode "list" DONE LayerDone |
 * FAILED Error
 */
typedef enum LayerFrameType {
    LAYER_PROGRESS = 1,
    LAYER_IMPLICIT = 2,
    LAYER_OPAQUE = 3,
    LAYER_DONE = 4,
    LAYER_FAILED = 5,
    LAYER_DATA = 6,
    LAYER_CHANGE = 7,
} LayerFrameType;

typedef struct LayerFrame {
    uint32_t type, length; /* of what follows */
} LayerFrame;

typedef struct LayerDone {
    uint64_t bytes, inodes;
    uint64_t tar_size;
    char diff_id[DIGEST_TEXT_SIZE];
} LayerDone;

enum {
    LAYER_FRAME_MAX = 4096,
    LAYER_DATA_MAX = 1 << 18,  /* of a DATA frame */
    LAYER_PATHS_MAX = 1 << 18, /* IMPLICIT and OPAQUE frames together */
    LAYER_TREE_FD = 3,
    LAYER_FOLLOW_FD = 4,
};

#define LAYER_SIZE_MAX (UINT64_C(1) << 40) /* of a tar */

/* On descriptor 4 the engine says with one u64 after the other how many bytes of the blob there are
 * by now; with this one, that all are. Its end before that: the download failed. */
#define LAYER_FOLLOW_END UINT64_MAX
