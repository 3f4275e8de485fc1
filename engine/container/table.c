// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/container/private.h"
#include "engine/container/restart.h"

/* The containers in memory: what readers see. Sorted by id, so that a prefix is a range. */

Container *container_ref(Container *container) {
    atomic_fetch_add(&container->references, 1);
    return container;
}

void container_unref(Container *container) {
    if (!container || atomic_fetch_sub(&container->references, 1) != 1)
        return;
    container_record_unref(container->record);
    while (container->execs) {
        Exec *next = container->execs->next;
        free(container->execs);
        container->execs = next;
    }
    pthread_mutex_destroy(&container->operation);
    free(container);
}

static int compare_with_container(const void *id, const void *item) {
    Container *const *container = item;
    return strcmp(id, (*container)->id);
}

/* First container whose id is not less than `id`. */
static size_t place_of(const Containers *containers, const char *id) {
    return array_place(id, containers->container, containers->n, sizeof *containers->container,
        compare_with_container);
}

static Container *find_by_name(const Containers *containers, const char *name) {
    for (size_t i = 0; i < containers->n; i++) {
        if (text_equal(containers->container[i]->record->name, name))
            return containers->container[i];
    }
    return NULL;
}

int table_add(
    Containers *containers, ContainerRecord *record, bool listed, Container **ret, Error *err) {
    Container *container = new (Container);
    memcpy(container->id, record->id, sizeof container->id - 1);
    container->record = container_record_ref(record);
    container->listed = listed;
    atomic_init(&container->references, 2); /* the table's and the caller's */
    pthread_mutex_init(&container->operation, NULL);
    pthread_mutex_lock(&containers->mutex);
    const Container *holder = find_by_name(containers, record->name);
    if (!holder) {
        size_t at = place_of(containers, record->id);
        array_insert(containers->container, containers->n, at, container);
        pthread_mutex_unlock(&containers->mutex);
        *ret = container;
        return 0;
    }
    error_set(err, ERROR_EXISTS,
        "Conflict. The container name \"/%s\" is already in use by container \"%s\". You have to "
        "remove (or rename) that container to be able to reuse that name.",
        record->name, holder->id);
    pthread_mutex_unlock(&containers->mutex);
    atomic_store(&container->references, 1);
    container_unref(container);
    return err->code;
}

void table_remove(Containers *containers, Container *container) {
    pthread_mutex_lock(&containers->mutex);
    size_t at = place_of(containers, container->id);
    bool found = at < containers->n && containers->container[at] == container;
    if (found) {
        array_remove(containers->container, containers->n, at);
        container->listed = false;
        pthread_cond_broadcast(&containers->changed);
    }
    pthread_mutex_unlock(&containers->mutex);
    if (found)
        container_unref(container);
}

void table_show(Containers *containers, Container *container) {
    pthread_mutex_lock(&containers->mutex);
    container->listed = true;
    pthread_mutex_unlock(&containers->mutex);
}

bool table_is_listed(Containers *containers, Container *container) {
    pthread_mutex_lock(&containers->mutex);
    bool listed = container->listed;
    pthread_mutex_unlock(&containers->mutex);
    return listed;
}

/* As Docker: a full id, then a name, then a prefix. Under the mutex. */
static int find(Containers *containers, const char *reference, Container **ret, Error *err) {
    size_t at = place_of(containers, reference), length = strlen(reference);
    Container **item = containers->container;
    Container *found = at < containers->n && text_equal(item[at]->id, reference) ? item[at] : NULL;
    if (!found)
        found = find_by_name(containers, *reference == '/' ? reference + 1 : reference);
    if (!found && length > 0 && at < containers->n && text_starts(item[at]->id, reference)) {
        found = item[at];
        if (at + 1 < containers->n && text_starts(item[at + 1]->id, reference))
            return error_set(
                err, ERROR_INVALID, "multiple IDs found with provided prefix: %s", reference);
    }
    if (!found || !found->listed)
        return error_set(err, ERROR_NOT_FOUND, "No such container: %s", reference);
    *ret = found;
    return 0;
}

int table_find(Containers *containers, const char *reference, Container **ret, Error *err) {
    pthread_mutex_lock(&containers->mutex);
    int r = find(containers, reference, ret, err);
    if (r == 0)
        container_ref(*ret);
    pthread_mutex_unlock(&containers->mutex);
    return r;
}

Container **table_all(Containers *containers, size_t *ret_n) {
    pthread_mutex_lock(&containers->mutex);
    Container **all = new_array(Container *, containers->n + 1);
    *ret_n = containers->n;
    for (size_t i = 0; i < containers->n; i++)
        all[i] = container_ref(containers->container[i]);
    pthread_mutex_unlock(&containers->mutex);
    return all;
}

ContainerRecord *table_record(Containers *containers, Container *container) {
    pthread_mutex_lock(&containers->mutex);
    ContainerRecord *record = container_record_ref(container->record);
    pthread_mutex_unlock(&containers->mutex);
    return record;
}

static int store_record(
    Containers *containers, const Container *container, const ContainerRecord *record, Error *err) {
    autofree char *text = container_record_encode(record);
    return store_put(containers->with.store, STORE_CONTAINER, container->id, text, err);
}

static void show_record(
    Containers *containers, Container *container, ContainerRecord *record, bool unsaved) {
    pthread_mutex_lock(&containers->mutex);
    ContainerRecord *old = container->record;
    container->record = record;
    containers->unsaved += (unsigned)unsaved - (unsigned)container->unsaved;
    container->unsaved = unsaved;
    pthread_cond_broadcast(&containers->changed);
    pthread_mutex_unlock(&containers->mutex);
    container_record_unref(old);
}

static bool is_unsaved(Containers *containers, const Container *container) {
    pthread_mutex_lock(&containers->mutex);
    bool unsaved = container ? container->unsaved : containers->unsaved > 0;
    pthread_mutex_unlock(&containers->mutex);
    return unsaved;
}

/* Who has the container's lock stores it, too. */
void table_save_late(Containers *containers) {
    size_t n;
    Error ignored;
    if (!is_unsaved(containers, NULL))
        return;
    Container **all = table_all(containers, &n);
    for (size_t i = 0; i < n; i++) {
        if (pthread_mutex_trylock(&all[i]->operation) == 0) {
            ContainerRecord *record = table_record(containers, all[i]);
            if (is_unsaved(containers, all[i]) &&
                store_record(containers, all[i], record, &ignored) == 0)
                show_record(containers, all[i], take_ptr(&record), false);
            container_record_unref(record);
            pthread_mutex_unlock(&all[i]->operation);
        }
        container_unref(all[i]);
    }
    free(all);
}

int table_update(
    Containers *containers, Container *container, ContainerRecord *record, Error *err) {
    int r = store_record(containers, container, record, err);
    if (r < 0) {
        container_record_unref(record);
        return r;
    }
    show_record(containers, container, record, false);
    table_save_late(containers);
    return 0;
}

void table_learn(Containers *containers, Container *container, ContainerRecord *record) {
    Error err = {};
    int r = store_record(containers, container, record, &err);
    if (r < 0)
        log_error("container %.12s: its state cannot be stored: %s", container->id, err.message);
    show_record(containers, container, record, r < 0);
    if (r == 0)
        table_save_late(containers);
}

int table_wait_stopped(Containers *containers, Container *container, int64_t timeout, Error *err) {
    int64_t at = time_monotonic() + (timeout < 0 ? 0 : timeout);
    struct timespec until = {at / TIME_SECOND, at % TIME_SECOND};
    int r = 0;
    pthread_mutex_lock(&containers->mutex);
    while (r != ETIMEDOUT && !containers->interrupted &&
           container->record->state->status == CONTAINER_RUNNING) {
        if (timeout < 0)
            pthread_cond_wait(&containers->changed, &containers->mutex);
        else
            r = pthread_cond_timedwait(&containers->changed, &containers->mutex, &until);
    }
    bool running = container->record->state->status == CONTAINER_RUNNING;
    bool interrupted = containers->interrupted;
    pthread_mutex_unlock(&containers->mutex);
    if (running && interrupted)
        return error_set(err, ERROR_UNAVAILABLE, "the engine is ending");
    return running ? error_set(err, ERROR_TIMEOUT, "container %.12s still runs", container->id) : 0;
}

void containers_interrupt(Containers *containers) {
    pthread_mutex_lock(&containers->mutex);
    containers->interrupted = true;
    pthread_cond_broadcast(&containers->changed);
    pthread_mutex_unlock(&containers->mutex);
    revive_join(containers);
    table_save_late(containers);
}

int container_find(
    Containers *containers, const char *reference, ContainerRecord **ret, Error *err) {
    Container *container;
    pthread_mutex_lock(&containers->mutex);
    int r = find(containers, reference, &container, err);
    if (r == 0)
        *ret = container_record_ref(container->record);
    pthread_mutex_unlock(&containers->mutex);
    return r;
}

static int newest_first(const void *a, const void *b) {
    const ContainerRecord *x = *(ContainerRecord *const *)a, *y = *(ContainerRecord *const *)b;
    return (x->created.value < y->created.value) - (x->created.value > y->created.value);
}

void container_list(Containers *containers, ContainerRecords *ret) {
    pthread_mutex_lock(&containers->mutex);
    ret->n = 0;
    ret->item = new_array(ContainerRecord *, containers->n + 1);
    for (size_t i = 0; i < containers->n; i++) {
        if (containers->container[i]->listed)
            ret->item[ret->n++] = container_record_ref(containers->container[i]->record);
    }
    pthread_mutex_unlock(&containers->mutex);
    qsort(ret->item, ret->n, sizeof *ret->item, newest_first);
}

void container_records_done(ContainerRecords *records) {
    for (size_t i = 0; i < records->n; i++)
        container_record_unref(records->item[i]);
    free(records->item);
    *records = (ContainerRecords){};
}
