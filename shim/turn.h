// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>
#include <stdint.h>

/* A lock that goes to whoever has asked for it first: threads that share everything act one after
 * the other, and none is left out by another that asks again and again. */
typedef struct Turn {
    pthread_mutex_t mutex;
    pthread_cond_t passed;
    uint64_t next, now; /* numbers: the next one to be given, the one whose turn it is */
} Turn;

void turn_init(Turn *turn); /* it is the caller's */
void turn_done(Turn *turn);
void turn_take(Turn *turn);
void turn_pass(Turn *turn);
