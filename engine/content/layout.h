// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>

#include "engine/content/content.h"

/* The content store from inside; private to engine/content. */
struct Content {
    int blobs;             /* ROOT/content/blobs/sha256 */
    int ingest;            /* ROOT/content/ingest */
    pthread_mutex_t mutex; /* guards writing */
    pthread_cond_t closed;
    JsonTexts writing; /* digests that a writer has */
};
