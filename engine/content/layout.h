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
    JsonTexts writing; /* digests and names that a writer has */
};

/* Gives back what a writer has claimed. */
void content_release(Content *content, const char *name);

/* Reads fd to its end: a partial file counts only as far as it is hashed again. */
int content_hash_file(int fd, Digest *hash, uint64_t *ret_size, Error *err);
