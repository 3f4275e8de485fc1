// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Threads that share out the numbers from 0 to n - 1, lowest first, each to one of them. The caller
 * is one of these threads, and enough when no other can be started. */
enum {
    CREW_THREADS_MAX = 16
};

typedef struct Crew {
    size_t n;
    size_t threads;                         /* at most so many, and CREW_THREADS_MAX */
    bool (*work)(void *user, size_t index); /* false: no number is given out any more */
    void *user;
} Crew;

/* Returns when all that was begun has ended. */
void crew_run(const Crew *crew);
