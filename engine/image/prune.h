// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/image.h"

/* What `prune --filter` of containers and images may say: "until=SECONDS.NANOSECONDS" (made
 * before), "label=K[=V]", "label!=K[=V]"; all must hold. Borrowed. */
typedef struct PruneFilter {
    size_t n;
    char *const *item;
} PruneFilter;

/* ERROR_INVALID: "invalid filter 'x'". */
int prune_check(const PruneFilter *filter, Error *err);
bool prune_matches(const PruneFilter *filter, const JsonMap *labels, int64_t created);

/* Removes images that no container uses: those without a tag, or with `all` any. */
int image_prune(Images *images, bool all, const PruneFilter *filter, ImageRemoval *ret,
    uint64_t *ret_reclaimed, Error *err);
