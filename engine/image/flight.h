// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"

/* Who works on what, among all pulls: one at a time per key (a blob, a layer), and a bounded number
 * at a time per gate. Waiting ends early when `stop` says so. Private to engine/image. */
typedef bool FlightStop(void *user);

typedef struct Flights {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    JsonTexts keys;
} Flights;

typedef struct Gate {
    unsigned free;
} Gate;

void flights_init(Flights *flights);
void flights_done(Flights *flights);

/* ERROR_CANCELLED. */
int flight_begin(Flights *flights, const char *key, FlightStop *stop, void *user, Error *err);
void flight_end(Flights *flights, const char *key);

int gate_enter(Flights *flights, Gate *gate, FlightStop *stop, void *user, Error *err);
void gate_leave(Flights *flights, Gate *gate);
