// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot/settle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/snapshot/private.h"

/* A pull commits one layer after the other: one syncfs is enough for all of them. */
#define QUIET (2 * TIME_SECOND)

struct Settler {
    Snapshots *snapshots;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows; the snapshots' comes before it */
    pthread_cond_t changed;
    bool wanted, closing;
};

int settle_boot(char **ret, Error *err) {
    autodone(Text) text = {};
    TRY(file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &text, err));
    *ret = text_copy_n(text.data ? text.data : "", text.data ? strcspn(text.data, "\n") : 0);
    return 0;
}

/* Never a writable one: what a container wrote waits for its image to be pulled again. */
static bool is_lost(const Snapshots *snapshots, const SnapshotRecord *record) {
    if (record->writable.value || record->view.value)
        return false;
    return (record->boot && !text_equal(record->boot, snapshots->boot)) ||
           (record->parent && !snapshot_find(snapshots, record->parent));
}

int settle_forget_lost(Snapshots *snapshots, Error *err) {
    for (size_t i = 0; i < snapshots->n;) {
        SnapshotRecord *record = snapshots->record[i];
        if (!is_lost(snapshots, record)) {
            i++;
            continue;
        }
        log_warning("layer %s was not on the disk yet when the machine went down", record->key);
        TRY(store_remove(snapshots->store, STORE_SNAPSHOT, record->key, err));
        snapshot_record_free(record);
        snapshots->record[i] = snapshots->record[--snapshots->n];
        i = 0; /* others may have stood on it */
    }
    return 0;
}

/* Keys of the marked. */
static void list_marked(Snapshots *snapshots, JsonTexts *ret) {
    pthread_mutex_lock(&snapshots->mutex);
    for (size_t i = 0; i < snapshots->n; i++)
        if (snapshots->record[i]->boot)
            json_texts_add(ret, snapshots->record[i]->key);
    pthread_mutex_unlock(&snapshots->mutex);
}

/* One removed meanwhile and made anew keeps its mark for the next time, if it was in between: keys
 * are of content, so at worst an equal layer counts as settled whose files syncfs(2) is told of
 * next. */
static int unmark(Snapshots *snapshots, const JsonTexts *keys, const uint64_t *disk, Error *err) {
    int code = 0;
    pthread_mutex_lock(&snapshots->mutex);
    for (size_t i = 0; i < keys->n && code == 0; i++) {
        SnapshotRecord *record = snapshot_find(snapshots, keys->item[i]);
        if (!record)
            continue;
        free(record->boot);
        record->boot = NULL;
        if (disk[i] > 0)
            record->disk = (JsonUint){true, disk[i]};
        autofree char *json = json_encode(&snapshot_record_type, record, 0);
        code = store_put(snapshots->store, STORE_SNAPSHOT, record->key, json, err);
    }
    pthread_mutex_unlock(&snapshots->mutex);
    return code;
}

int snapshots_settle(Snapshots *snapshots, Error *err) {
    autodone(JsonTexts) keys = {};
    list_marked(snapshots, &keys);
    if (keys.n == 0)
        return 0;
    /* one file system for all drivers: ROOT/snapshots */
    if (syncfs(snapshots->own->dir) < 0)
        return error_set_errno(err, errno, "cannot write '%s' to the disk", snapshots->own->path);
    autofree uint64_t *disk = new_array(uint64_t, keys.n);
    for (size_t i = 0; i < keys.n; i++) {
        Error gone; /* removed meanwhile, or counted when it is asked for */
        snapshot_disk(snapshots, keys.item[i], &disk[i], &gone);
    }
    return unmark(snapshots, &keys, disk, err);
}

/* With the mutex held: true after a while without a wake-up, false at the end. */
static bool wait_until_quiet(Settler *settler) {
    while (!settler->wanted && !settler->closing)
        pthread_cond_wait(&settler->changed, &settler->mutex);
    while (settler->wanted && !settler->closing) {
        int64_t deadline = time_monotonic() + QUIET;
        struct timespec until = {deadline / TIME_SECOND, deadline % TIME_SECOND};
        settler->wanted = false;
        int sys = 0;
        while (sys != ETIMEDOUT && !settler->wanted && !settler->closing)
            sys = pthread_cond_timedwait(&settler->changed, &settler->mutex, &until);
    }
    return !settler->closing;
}

static void *run(void *user) {
    Settler *settler = user;
    pthread_mutex_lock(&settler->mutex);
    while (wait_until_quiet(settler)) {
        Error error;
        pthread_mutex_unlock(&settler->mutex);
        if (snapshots_settle(settler->snapshots, &error) < 0)
            log_warning("%s", error.message);
        pthread_mutex_lock(&settler->mutex);
    }
    pthread_mutex_unlock(&settler->mutex);
    return NULL;
}

int settler_open(Snapshots *snapshots, Settler **ret, Error *err) {
    pthread_condattr_t attributes;
    Settler *settler = new (Settler);
    /* what an engine of this boot left marked */
    *settler = (Settler){.snapshots = snapshots, .wanted = true};
    pthread_mutex_init(&settler->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&settler->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    int sys = pthread_create(&settler->thread, NULL, run, settler);
    if (sys != 0) {
        free(settler);
        return error_set_errno(err, sys, "cannot start the thread that settles layers");
    }
    *ret = settler;
    return 0;
}

void settler_wake(Settler *settler) {
    pthread_mutex_lock(&settler->mutex);
    settler->wanted = true;
    pthread_cond_signal(&settler->changed);
    pthread_mutex_unlock(&settler->mutex);
}

void settler_close(Settler *settler) {
    if (!settler)
        return;
    pthread_mutex_lock(&settler->mutex);
    settler->closing = true;
    pthread_cond_signal(&settler->changed);
    pthread_mutex_unlock(&settler->mutex);
    pthread_join(settler->thread, NULL);
    pthread_mutex_destroy(&settler->mutex);
    pthread_cond_destroy(&settler->changed);
    free(settler);
}
