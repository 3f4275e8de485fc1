// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "engine/content/content.h"
#include "engine/layer/layer.h"

/* A layer is unpacked while it is still coming: tare-unpack reads the partial download behind the
 * writer. What it makes counts only when the blob has been verified. Owned by the thread that
 * brings the layer, which also calls the writer. Private to engine/image. */
typedef struct Follow {
    LayerUnpack job;  /* all but blob and follow; progress is silent until the blob is complete */
    pthread_t thread; /* runs the job */
    bool started;
    bool lost;  /* the writer began anew: the tree is garbage */
    int socket; /* to the program: how far it can read */
    uint64_t told;
    atomic_bool whole; /* the blob is verified */
    atomic_bool stopped;
    LayerResult result;
    int code;
    Error error;
} Follow;

void follow_init(Follow *follow, const LayerUnpack *job);

/* The writer is at its offset, and goes on from there. Does nothing where it cannot follow. */
void follow_begin(Follow *follow, const ContentWriter *writer);
void follow_advance(Follow *follow, const ContentWriter *writer);

/* Always once, after the last of the above. complete: the blob is verified. Waits for the program.
 * Returns 1: the tree is filled; 0: it has to be unpacked as usual, into a new one if follow->lost.
 */
int follow_end(Follow *follow, bool complete, LayerResult *ret, Error *err);
