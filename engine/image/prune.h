// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/filter/pair.h"
#include "engine/image/image.h"

/* What `prune --filter` of containers, images and volumes may say: "until=SECONDS.NANOSECONDS"
 * (made before), "label=K[=V]", "label!=K[=V]"; all must hold. Borrowed. */
typedef struct PruneObject {
    const JsonMap *labels;
    int64_t created;
} PruneObject;
PairFilter prune_filter(char *const *texts, size_t n);

/* Removes images that no container uses: those without a tag, or with `all` any. */
int image_prune(Images *images, bool all, const PairFilter *filter, ImageRemoval *ret,
    uint64_t *ret_reclaimed, Error *err);
