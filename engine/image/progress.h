// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "engine/image/pull.h"

/* One pull's listener, called by one thread at a time, and its wish to stop. Private to
 * engine/image. */
typedef struct Progress {
    pthread_mutex_t mutex;
    ImageListener *listener;
    void *user;
    atomic_bool stopped; /* cancelled, or something failed */
} Progress;

void progress_init(Progress *progress, ImageListener *listener, void *user);
void progress_done(Progress *progress);

/* Negative: stop. */
int progress_report(Progress *progress, const ImageProgress *report);
int progress_layer(
    Progress *progress, ImagePhase phase, const char *digest, int64_t current, int64_t total);

bool progress_stopped(void *progress); /* a FlightStop */
void progress_stop(Progress *progress);
