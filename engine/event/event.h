// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"

/* What happened, told to whoever listens in this process. Publishing never blocks: a listener that
 * does not keep up loses the oldest events and is told how many. Any thread. */
typedef struct Event {
    const char *type;    /* "container", "image", "network", "volume" */
    const char *action;  /* "create", "pull", "die": Docker's words */
    const char *id;      /* of the actor */
    JsonMap attributes;  /* "name", "image", "exitCode", … */
    const void *payload; /* of containerd's events: the encoded message; NULL: none */
    size_t payload_size;
    int64_t time; /* 0: event_publish fills in now */
} Event;

typedef struct Events Events;
typedef struct EventListener EventListener;

Events *events_new(void);
void events_free(Events *events); /* after its last listener */
CLEANUP_DEFINE(Events, events_free)

/* The event is copied. */
void event_publish(Events *events, const Event *event);

EventListener *event_listen(Events *events);
/* The same, beginning with those of the latest 256 that were not before `since`. */
EventListener *event_listen_since(Events *events, int64_t since);
void event_unlisten(EventListener *listener);
CLEANUP_DEFINE(EventListener, event_unlisten)

/* Next event, valid until the next call. timeout in ns, -1 for ever; ERROR_TIMEOUT, ERROR_CANCELLED
 * after event_interrupt. *ret_lost counts events dropped before this one. */
int event_next(
    EventListener *listener, int64_t timeout, const Event **ret, uint64_t *ret_lost, Error *err);

/* Makes event_next return ERROR_CANCELLED from now on; from any thread. */
void event_interrupt(EventListener *listener);
