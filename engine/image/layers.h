// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/follow.h"
#include "engine/image/progress.h"
#include "engine/image/record.h"

/* Layers of one image become snapshots: fetched and unpacked several at a time, committed from the
 * bottom up. Private to engine/image. */
typedef int LayerFetch(void *user, const OciDescriptor *blob, Follow *follow, Error *err);

typedef struct Layers {
    Images *images;
    Progress *progress;
    const char *lease; /* that already holds all blobs and chains */
    const OciDescriptor *item;
    size_t n;
    const JsonTexts *diff_ids;
    LayerFetch *fetch; /* brings a blob into the content store; NULL: all are there */
    void *user;
} Layers;

/* The first failure; what was committed before it stays for the next attempt. */
int layers_bring(const Layers *layers, Error *err);
