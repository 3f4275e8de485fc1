// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot/trash.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

struct Trash {
    int dir;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    uint64_t *number;
    size_t n;
    bool closing;
};

/* false: the trash is closing and empty. */
static bool take(Trash *trash, uint64_t *ret) {
    pthread_mutex_lock(&trash->mutex);
    while (trash->n == 0 && !trash->closing)
        pthread_cond_wait(&trash->changed, &trash->mutex);
    bool taken = trash->n > 0;
    if (taken)
        *ret = trash->number[--trash->n];
    pthread_mutex_unlock(&trash->mutex);
    return taken;
}

static void *remove_thread(void *argument) {
    Trash *trash = argument;
    uint64_t number;
    while (take(trash, &number)) {
        char name[24];
        Error err;
        snprintf(name, sizeof name, "%" PRIu64, number);
        if (file_remove_tree(trash->dir, name, &err) < 0)
            log_warning("snapshot %s stays until the next start: %s", name, err.message);
    }
    return NULL;
}

int trash_open(int dir, Trash **ret, Error *err) {
    Trash *trash = new (Trash);
    trash->dir = dir;
    pthread_mutex_init(&trash->mutex, NULL);
    pthread_cond_init(&trash->changed, NULL);
    int sys = pthread_create(&trash->thread, NULL, remove_thread, trash);
    if (sys) {
        free(trash);
        return error_set_errno(err, sys, "cannot start the thread that removes snapshots");
    }
    *ret = trash;
    return 0;
}

void trash_add(Trash *trash, uint64_t number) {
    pthread_mutex_lock(&trash->mutex);
    array_append(trash->number, trash->n, number);
    pthread_cond_signal(&trash->changed);
    pthread_mutex_unlock(&trash->mutex);
}

void trash_close(Trash *trash) {
    if (!trash)
        return;
    pthread_mutex_lock(&trash->mutex);
    trash->closing = true;
    pthread_cond_signal(&trash->changed);
    pthread_mutex_unlock(&trash->mutex);
    pthread_join(trash->thread, NULL);
    pthread_mutex_destroy(&trash->mutex);
    pthread_cond_destroy(&trash->changed);
    free(trash->number);
    free(trash);
}
