// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/image.h"

/* Room on the disk by itself: above the high threshold images go that no container uses, the
 * longest unused first, until the low one is reached. Pinned images, and those that came or were
 * used within minimum_age, stay. */
typedef struct ReclaimRules {
    unsigned high, low;   /* per cent of the disk that is in use; high 0: never */
    int64_t minimum_age;  /* ns */
    const JsonTexts *pin; /* patterns (fnmatch(3)) of names */
} ReclaimRules;

/* *ret: what was removed, references and ids. */
int images_reclaim(Images *images, const ReclaimRules *rules, JsonTexts *ret, Error *err);

/* The image was used now: kept to the minute. */
void image_touch(Images *images, const char *id);
