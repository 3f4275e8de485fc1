// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/api/tare/services.h"
#include "engine/api/tare/system.h"
#include "engine/event/event.h"
#include "engine/filter/pair.h"

/* tare.v1.System.Events. */
#define LOOK_EVERY (TIME_SECOND / 5) /* for a client that has gone */

static bool is_type(const Event *event, const char *type) {
    return text_equal(event->type, type);
}

static bool match_type(const void *context, const void *object, const char *value) {
    const Event *event = object;
    return is_type(event, value);
}

/* "exec_start: sh" is an exec_start, and "health_status: healthy" a health_status. */
static bool match_event(const void *context, const void *object, const char *value) {
    const Event *event = object;
    size_t n = strlen(value);
    return text_starts(event->action, value) && (!event->action[n] || event->action[n] == ':');
}

static bool match_actor(const Event *event, const char *value) {
    const char *name = json_map_find(&event->attributes, "name");
    return text_equal(name, value) || (*value && text_starts(event->id, value));
}

static bool match_container(const void *context, const void *object, const char *value) {
    const Event *event = object;
    return is_type(event, "container") && match_actor(event, value);
}

static bool match_network(const void *context, const void *object, const char *value) {
    const Event *event = object;
    return is_type(event, "network") && match_actor(event, value);
}

static bool match_volume(const void *context, const void *object, const char *value) {
    const Event *event = object;
    return is_type(event, "volume") && match_actor(event, value);
}

static bool same_image(const char *name, const char *value) {
    size_t n = name ? strlen(name) : 0;
    size_t tag = strcspn(value, ":");
    return name && (text_equal(name, value) ||
                       (!value[tag] && text_starts(name, value) && (n == tag || name[tag] == ':')));
}

static bool match_image(const void *context, const void *object, const char *value) {
    const Event *event = object;
    const char *name = is_type(event, "image") ? "name" : "image";
    return same_image(json_map_find(&event->attributes, name), value) ||
           (is_type(event, "image") && text_equal(event->id, value));
}

static bool match_label(const void *context, const void *object, const char *value) {
    return pair_match_label(&((const Event *)object)->attributes, value);
}

static const PairRow rows[] = {
    {"container=", match_container},
    {"event=", match_event},
    {"image=", match_image},
    {"label=", match_label, .all_must_hold = true},
    {"network=", match_network},
    {"type=", match_type},
    {"volume=", match_volume},
};

static int send_event(RpcCall *call, const Event *event, Error *err) {
    Tare__V1__EventMessage message = TARE__V1__EVENT_MESSAGE__INIT;
    typedef Tare__V1__EventMessage__AttributesEntry Entry;
    const JsonMap *from = &event->attributes;
    autofree Entry *entry = new_array(Entry, from->n + 1);
    autofree Entry **entries = new_array(Entry *, from->n + 1);
    for (size_t i = 0; i < from->n; i++) {
        tare__v1__event_message__attributes_entry__init(&entry[i]);
        entry[i].key = from->key[i];
        entry[i].value = from->value[i];
        entries[i] = &entry[i];
    }
    message.type = (char *)(uintptr_t)event->type;
    message.action = (char *)(uintptr_t)event->action;
    message.id = (char *)(uintptr_t)event->id;
    message.attributes = entries;
    message.n_attributes = from->n;
    message.time = event->time;
    return rpc_call_send(call, &message.base, err);
}

/* How long to wait for the next event; negative: `until` is over. */
static int64_t patience(const Tare__V1__EventsRequest *request) {
    int64_t left = request->until ? request->until - time_now() : LOOK_EVERY;
    return left < LOOK_EVERY ? left : LOOK_EVERY;
}

int api_system_events(RpcCall *call, const Tare__V1__EventsRequest *request,
    Tare__V1__EventMessage *response, Error *err) {
    const TareServices *services = rpc_call_user(call);
    const PairFilter filter = {rows, array_size(rows), NULL, request->filters, request->n_filters};
    TRY(pair_filter_check(&filter, err));
    int64_t since = request->since ? request->since : request->until ? 0 : INT64_MAX;
    autoptr(EventListener) listener = event_listen_since(services->events, since);
    while (!rpc_call_cancelled(call)) {
        const Event *event;
        uint64_t lost;
        int64_t timeout = patience(request);
        int code = event_next(listener, timeout < 0 ? 0 : timeout, &event, &lost, err);
        if (code == ERROR_TIMEOUT && timeout < 0)
            return 0;
        if (code == ERROR_TIMEOUT)
            continue;
        TRY(code);
        if (request->until && event->time > request->until)
            return 0;
        if (pair_filter_matches(&filter, event))
            TRY(send_event(call, event, err));
    }
    return error_set(err, ERROR_CANCELLED, "the client has gone");
}
