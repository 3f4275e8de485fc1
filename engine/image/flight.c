// SPDX-License-Identifier: Apache-2.0
#include "engine/image/flight.h"

#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "base/time.h"

#define POLL (100 * TIME_MILLISECOND)

void flights_init(Flights *flights) {
    pthread_condattr_t attributes;
    *flights = (Flights){};
    pthread_mutex_init(&flights->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&flights->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

void flights_done(Flights *flights) {
    free(flights->keys.item);
    pthread_cond_destroy(&flights->changed);
    pthread_mutex_destroy(&flights->mutex);
}

/* With the mutex held. */
static bool is_busy(const Flights *flights, const char *key) {
    for (size_t i = 0; i < flights->keys.n; i++)
        if (text_equal(flights->keys.item[i], key))
            return true;
    return false;
}

/* With the mutex held, which `stop` must not need. */
static int wait_a_while(Flights *flights, FlightStop *stop, void *user, Error *err) {
    int64_t deadline = time_monotonic() + POLL;
    struct timespec until = {deadline / TIME_SECOND, deadline % TIME_SECOND};
    pthread_cond_timedwait(&flights->changed, &flights->mutex, &until);
    return stop(user) ? error_set(err, ERROR_CANCELLED, "cancelled") : 0;
}

int flight_begin(Flights *flights, const char *key, FlightStop *stop, void *user, Error *err) {
    int code = 0;
    pthread_mutex_lock(&flights->mutex);
    while (code == 0 && is_busy(flights, key))
        code = wait_a_while(flights, stop, user, err);
    if (code == 0)
        json_texts_add(&flights->keys, key);
    pthread_mutex_unlock(&flights->mutex);
    return code;
}

void flight_end(Flights *flights, const char *key) {
    JsonTexts *keys = &flights->keys;
    pthread_mutex_lock(&flights->mutex);
    for (size_t i = 0; i < keys->n; i++)
        if (text_equal(keys->item[i], key)) {
            free(keys->item[i]);
            keys->item[i] = keys->item[--keys->n];
            keys->item[keys->n] = NULL;
            break;
        }
    pthread_cond_broadcast(&flights->changed);
    pthread_mutex_unlock(&flights->mutex);
}

int gate_enter(Flights *flights, Gate *gate, FlightStop *stop, void *user, Error *err) {
    int code = 0;
    pthread_mutex_lock(&flights->mutex);
    while (code == 0 && gate->free == 0)
        code = wait_a_while(flights, stop, user, err);
    if (code == 0)
        gate->free--;
    pthread_mutex_unlock(&flights->mutex);
    return code;
}

void gate_leave(Flights *flights, Gate *gate) {
    pthread_mutex_lock(&flights->mutex);
    gate->free++;
    pthread_cond_broadcast(&flights->changed);
    pthread_mutex_unlock(&flights->mutex);
}
