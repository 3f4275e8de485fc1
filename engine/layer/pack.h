// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "engine/content/digest.h"
#include "engine/layer/compression.h"

/* Trees become a tar stream, or a list of what changed. Trees of containers are read only by
 * tare-pack, a program of its own that sees nothing of the machine but them (docs/decisions/0007).
 */
typedef enum PackMode {
    PACK_LAYER, /* what upper has and lower has not, as an image's layer */
    PACK_FLAT,  /* all of upper */
    PACK_LIST,  /* as PACK_LAYER, only the names */
    PACK_COPY,  /* a tar that is there: packed anew, and its digest */
    PACK_MODES,
} PackMode;
const char *pack_mode_name(PackMode mode);
PackMode pack_mode_find(const char *name); /* PACK_MODES: none */

enum {
    PACK_TREES_MAX = 512
};

/* The stream, piece by piece. Negative = stop, err filled. */
typedef int PackWrite(void *user, const void *data, size_t n, Error *err);

/* One change: 'A', 'C' or 'D' and an absolute path. */
typedef int PackChange(void *user, char kind, const char *path, Error *err);

typedef struct LayerPack {
    const char *program; /* path of tare-pack */
    PackMode mode;
    Compression compression;
    int input;                /* PACK_COPY: the tar, plain or compressed */
    const int *upper, *lower; /* merged trees, topmost first */
    size_t upper_n, lower_n;
    const char *const *left_out; /* absolute paths that are not the tree's while empty */
    size_t left_out_n;
    PackWrite *write;
    PackChange *change; /* PACK_LIST */
    void *user;
} LayerPack;

typedef struct LayerPacked {
    uint64_t tar_size, entries;
    char diff_id[DIGEST_TEXT_SIZE]; /* of the tar */
} LayerPacked;

/* Calls back on the caller's thread. ERROR_STATE: something that a layer cannot express. */
int layer_pack(const LayerPack *pack, LayerPacked *ret, Error *err);
