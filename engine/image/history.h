// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/image.h"

/* How an image came to be, newest first, as `docker history` shows it. */
typedef struct ImageHistoryRow {
    char *id;        /* of the image that this step made, where it is known here; NULL */
    int64_t created; /* 0: unknown */
    char *created_by, *comment;
    uint64_t size; /* unpacked bytes of its layer */
    JsonTexts references;
} ImageHistoryRow;

typedef struct ImageHistory {
    ImageHistoryRow *row;
    size_t n;
} ImageHistory;

/* platform: must be the image's; NULL or "": whatever it is. */
int image_history(Images *images, const char *name, char *platform, ImageHistory *ret, Error *err);
void image_history_done(ImageHistory *history);
CLEANUP_DEFINE_DONE(ImageHistory, image_history_done)
