// SPDX-License-Identifier: Apache-2.0
#include "engine/event/event.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"

/* One copy of an event is shared by all listeners' rings. */
typedef struct SharedEvent {
    Event event;
    atomic_uint references;
} SharedEvent;

enum {
    RING_SIZE = 1024,
    HISTORY_SIZE = 256 /* as Docker */
};

struct EventListener {
    Events *events;
    EventListener *next;
    pthread_cond_t arrived;
    SharedEvent *ring[RING_SIZE];
    size_t first, n;
    uint64_t lost;
    bool interrupted;
    SharedEvent *current; /* lent by event_next */
};

struct Events {
    pthread_mutex_t mutex;
    EventListener *listeners;
    SharedEvent *history[HISTORY_SIZE];
    size_t published; /* the next one's place, modulo the size */
};

static SharedEvent *copy_event(const Event *event) {
    SharedEvent *shared = new (SharedEvent);
    shared->event = (Event){
        .type = text_copy(event->type),
        .action = text_copy(event->action),
        .id = text_copy(event->id),
        .payload = event->payload ? memory_copy(event->payload, event->payload_size) : NULL,
        .payload_size = event->payload_size,
        .time = event->time ? event->time : time_now(),
    };
    for (size_t i = 0; i < event->attributes.n; i++)
        json_map_set(
            &shared->event.attributes, event->attributes.key[i], event->attributes.value[i]);
    atomic_init(&shared->references, 1);
    return shared;
}

static void unref(SharedEvent *shared) {
    if (!shared || atomic_fetch_sub(&shared->references, 1) > 1)
        return;
    free((char *)shared->event.type);
    free((char *)shared->event.action);
    free((char *)shared->event.id);
    free((void *)(uintptr_t)shared->event.payload);
    for (size_t i = 0; i < shared->event.attributes.n; i++) {
        free(shared->event.attributes.key[i]);
        free(shared->event.attributes.value[i]);
    }
    free(shared->event.attributes.key);
    free(shared->event.attributes.value);
    free(shared);
}

Events *events_new(void) {
    Events *events = new (Events);
    pthread_mutex_init(&events->mutex, NULL);
    return events;
}

void events_free(Events *events) {
    if (!events)
        return;
    for (size_t i = 0; i < HISTORY_SIZE; i++)
        unref(events->history[i]);
    pthread_mutex_destroy(&events->mutex);
    free(events);
}

static SharedEvent *pop(EventListener *listener) {
    SharedEvent *shared = listener->ring[listener->first];
    listener->first = (listener->first + 1) % RING_SIZE;
    listener->n--;
    return shared;
}

static void push(EventListener *listener, SharedEvent *shared) {
    if (listener->n == RING_SIZE) {
        unref(pop(listener));
        listener->lost++;
    }
    atomic_fetch_add(&shared->references, 1);
    listener->ring[(listener->first + listener->n) % RING_SIZE] = shared;
    listener->n++;
    pthread_cond_signal(&listener->arrived);
}

void event_publish(Events *events, const Event *event) {
    SharedEvent *shared = copy_event(event);
    pthread_mutex_lock(&events->mutex);
    for (EventListener *listener = events->listeners; listener; listener = listener->next)
        push(listener, shared);
    SharedEvent **place = &events->history[events->published++ % HISTORY_SIZE];
    SharedEvent *oldest = *place;
    *place = shared;
    pthread_mutex_unlock(&events->mutex);
    unref(oldest);
}

/* With the mutex held; oldest first. */
static void replay(EventListener *listener, int64_t since) {
    const Events *events = listener->events;
    for (size_t i = 0; i < HISTORY_SIZE; i++) {
        SharedEvent *shared = events->history[(events->published + i) % HISTORY_SIZE];
        if (shared && shared->event.time >= since)
            push(listener, shared);
    }
}

EventListener *event_listen_since(Events *events, int64_t since) {
    EventListener *listener = new (EventListener);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&listener->arrived, &attributes);
    pthread_condattr_destroy(&attributes);
    listener->events = events;
    pthread_mutex_lock(&events->mutex);
    listener->next = events->listeners;
    events->listeners = listener;
    replay(listener, since);
    pthread_mutex_unlock(&events->mutex);
    return listener;
}

EventListener *event_listen(Events *events) {
    return event_listen_since(events, INT64_MAX);
}

void event_unlisten(EventListener *listener) {
    if (!listener)
        return;
    pthread_mutex_lock(&listener->events->mutex);
    EventListener **link = &listener->events->listeners;
    while (*link != listener)
        link = &(*link)->next;
    *link = listener->next;
    pthread_mutex_unlock(&listener->events->mutex);
    while (listener->n)
        unref(pop(listener));
    unref(listener->current);
    pthread_cond_destroy(&listener->arrived);
    free(listener);
}

static struct timespec deadline_after(int64_t timeout) {
    int64_t deadline = time_monotonic() + timeout;
    return (struct timespec){deadline / TIME_SECOND, deadline % TIME_SECOND};
}

/* With the mutex held. */
static int wait_for_event(EventListener *listener, int64_t timeout, Error *err) {
    struct timespec deadline = deadline_after(timeout < 0 ? 0 : timeout);
    while (listener->n == 0 && !listener->interrupted) {
        int result = timeout < 0 ? pthread_cond_wait(&listener->arrived, &listener->events->mutex)
                                 : pthread_cond_timedwait(
                                       &listener->arrived, &listener->events->mutex, &deadline);
        if (result == ETIMEDOUT)
            return error_set(err, ERROR_TIMEOUT, "no event in time");
    }
    if (listener->interrupted)
        return error_set(err, ERROR_CANCELLED, "no longer listening for events");
    return 0;
}

int event_next(
    EventListener *listener, int64_t timeout, const Event **ret, uint64_t *ret_lost, Error *err) {
    unref(take_ptr(&listener->current));
    pthread_mutex_lock(&listener->events->mutex);
    int code = wait_for_event(listener, timeout, err);
    if (code == 0) {
        listener->current = pop(listener);
        *ret = &listener->current->event;
        *ret_lost = listener->lost;
        listener->lost = 0;
    }
    pthread_mutex_unlock(&listener->events->mutex);
    return code;
}

void event_interrupt(EventListener *listener) {
    pthread_mutex_lock(&listener->events->mutex);
    listener->interrupted = true;
    pthread_cond_broadcast(&listener->arrived);
    pthread_mutex_unlock(&listener->events->mutex);
}
