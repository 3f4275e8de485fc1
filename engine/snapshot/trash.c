// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot/trash.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine/snapshot/private.h"

typedef struct Piece {
    const Snapshotter *snapshotter;
    uint64_t number;
} Piece;

struct Trash {
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    Piece *piece;
    size_t n;
    bool closing;
};

/* false: the trash is closing and empty. */
static bool take(Trash *trash, Piece *ret) {
    pthread_mutex_lock(&trash->mutex);
    while (trash->n == 0 && !trash->closing)
        pthread_cond_wait(&trash->changed, &trash->mutex);
    bool taken = trash->n > 0;
    if (taken)
        *ret = trash->piece[--trash->n];
    pthread_mutex_unlock(&trash->mutex);
    return taken;
}

static void *remove_thread(void *argument) {
    Trash *trash = argument;
    Piece piece;
    while (take(trash, &piece)) {
        Error err;
        if (snapshotter_remove(piece.snapshotter, piece.number, &err) < 0)
            log_warning(
                "snapshot %" PRIu64 " stays until the next start: %s", piece.number, err.message);
    }
    return NULL;
}

int trash_open(Trash **ret, Error *err) {
    Trash *trash = new (Trash);
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

void trash_add(Trash *trash, const Snapshotter *snapshotter, uint64_t number) {
    const Piece piece = {snapshotter, number};
    pthread_mutex_lock(&trash->mutex);
    array_append(trash->piece, trash->n, piece);
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
    free(trash->piece);
    free(trash);
}
