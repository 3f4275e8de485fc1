// SPDX-License-Identifier: Apache-2.0
#include "engine/collector.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/time.h"
#include "engine/metadata/collect.h"

#define REST (3600 * TIME_SECOND) /* between collections that nothing calls for */

struct Collector {
    CollectorOptions with;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards closing */
    pthread_cond_t changed;
    bool closing;
    int64_t last; /* collection of records */
};

static void collect_records(Collector *collector) {
    const CollectorOptions *with = &collector->with;
    int64_t now = time_monotonic();
    Error err;
    if (!metadata_collection_is_due(with->metadata) && now - collector->last < REST)
        return;
    collector->last = now;
    if (metadata_collect(with->metadata, images_content(with->images), with->snapshots, &err) < 0 ||
        images_forget(with->images, &err) < 0 || images_sweep(with->images, &err) < 0)
        log_warning("cannot collect garbage: %s", err.message);
}

static void collect_images(Collector *collector) {
    autodone(JsonTexts) removed = {};
    Error err;
    if (images_reclaim(collector->with.images, &collector->with.rules, &removed, &err) < 0)
        log_warning("cannot make room: %s", err.message);
    for (size_t i = 0; i < removed.n; i++)
        log_info("to make room, %s was removed", removed.item[i]);
}

/* false: the engine ends. */
static bool rest(Collector *collector) {
    int64_t deadline = time_monotonic() + collector->with.interval;
    const struct timespec until = {deadline / TIME_SECOND, deadline % TIME_SECOND};
    int sys = 0;
    pthread_mutex_lock(&collector->mutex);
    while (!collector->closing && sys != ETIMEDOUT)
        sys = pthread_cond_timedwait(&collector->changed, &collector->mutex, &until);
    bool go_on = !collector->closing;
    pthread_mutex_unlock(&collector->mutex);
    return go_on;
}

static void *run(void *user) {
    Collector *collector = user;
    while (rest(collector)) {
        collect_records(collector);
        collect_images(collector);
    }
    return NULL;
}

int collector_start(const CollectorOptions *options, Collector **ret, Error *err) {
    pthread_condattr_t attributes;
    Collector *collector = new (Collector);
    collector->with = *options;
    collector->last = time_monotonic();
    pthread_mutex_init(&collector->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&collector->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    int sys = pthread_create(&collector->thread, NULL, run, collector);
    if (sys != 0) {
        free(collector);
        return error_set_errno(err, sys, "cannot start the thread that collects garbage");
    }
    *ret = collector;
    return 0;
}

void collector_stop(Collector *collector) {
    if (!collector)
        return;
    pthread_mutex_lock(&collector->mutex);
    collector->closing = true;
    pthread_cond_signal(&collector->changed);
    pthread_mutex_unlock(&collector->mutex);
    pthread_join(collector->thread, NULL);
    pthread_mutex_destroy(&collector->mutex);
    pthread_cond_destroy(&collector->changed);
    free(collector);
}
