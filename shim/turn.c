// SPDX-License-Identifier: Apache-2.0
#include "shim/turn.h"

void turn_init(Turn *turn) {
    pthread_mutex_init(&turn->mutex, NULL);
    pthread_cond_init(&turn->passed, NULL);
    turn->now = 0;
    turn->next = 1;
}

void turn_done(Turn *turn) {
    pthread_cond_destroy(&turn->passed);
    pthread_mutex_destroy(&turn->mutex);
}

void turn_take(Turn *turn) {
    pthread_mutex_lock(&turn->mutex);
    uint64_t number = turn->next++;
    while (turn->now != number)
        pthread_cond_wait(&turn->passed, &turn->mutex);
    pthread_mutex_unlock(&turn->mutex);
}

void turn_pass(Turn *turn) {
    pthread_mutex_lock(&turn->mutex);
    turn->now++;
    pthread_cond_broadcast(&turn->passed);
    pthread_mutex_unlock(&turn->mutex);
}
