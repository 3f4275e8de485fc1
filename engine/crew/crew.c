// SPDX-License-Identifier: Apache-2.0
#include "engine/crew/crew.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct Shift {
    const Crew *crew;
    atomic_size_t next;
    atomic_bool over;
} Shift;

static void *work(void *user) {
    Shift *shift = user;
    const Crew *crew = shift->crew;
    size_t index;
    while (!atomic_load(&shift->over) && (index = atomic_fetch_add(&shift->next, 1)) < crew->n)
        if (!crew->work(crew->user, index))
            atomic_store(&shift->over, true);
    return NULL;
}

void crew_run(const Crew *crew) {
    pthread_t thread[CREW_THREADS_MAX];
    Shift shift = {.crew = crew};
    size_t n = 0, wanted = crew->threads < crew->n ? crew->threads : crew->n;
    while (n < CREW_THREADS_MAX && n + 1 < wanted &&
           pthread_create(&thread[n], NULL, work, &shift) == 0)
        n++;
    work(&shift);
    while (n > 0)
        pthread_join(thread[--n], NULL);
}
