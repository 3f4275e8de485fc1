// SPDX-License-Identifier: Apache-2.0
#include "engine/image/progress.h"

#include <stdio.h>

#include "engine/content/digest.h"

void progress_init(Progress *progress, ImageListener *listener, void *user) {
    pthread_mutex_init(&progress->mutex, NULL);
    progress->listener = listener;
    progress->user = user;
    atomic_init(&progress->stopped, false);
}

void progress_done(Progress *progress) {
    pthread_mutex_destroy(&progress->mutex);
}

int progress_report(Progress *progress, const ImageProgress *report) {
    pthread_mutex_lock(&progress->mutex);
    if (progress->listener && !atomic_load(&progress->stopped) &&
        progress->listener(progress->user, report) < 0)
        atomic_store(&progress->stopped, true);
    pthread_mutex_unlock(&progress->mutex);
    return atomic_load(&progress->stopped) ? -1 : 0;
}

int progress_layer(
    Progress *progress, ImagePhase phase, const char *digest, int64_t current, int64_t total) {
    ImageProgress report = {.phase = phase, .current = current, .total = total};
    snprintf(report.layer, sizeof(report.layer), "%.12s", digest_hex(digest));
    return progress_report(progress, &report);
}

bool progress_stopped(void *user) {
    return atomic_load(&((Progress *)user)->stopped);
}

void progress_stop(Progress *progress) {
    atomic_store(&progress->stopped, true);
}
