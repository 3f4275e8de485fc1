// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/api/containerd/message.h"
#include "engine/metadata/check.h"
#include "engine/rpc/service.h"
#include "proto/containerd/services/events.methods.h"
#include "proto/containerd/services/events.pb-c.h"

/* containerd.services.events.v1.Events. */
CONTAINERD_EVENTS_METHODS(RPC_PROTOTYPE)
RPC_SERVICE(
    containerd_events_service, CONTAINERD_EVENTS_METHODS, containerd__events__events__descriptor);

#define LOOK_EVERY TIME_SECOND /* whether the client is still there */

static int check_topic(const char *topic, Error *err) {
    if (*topic != '/' || !topic[1])
        return error_set(
            err, ERROR_INVALID, "topic \"%.200s\" must start with '/': invalid argument", topic);
    return check_name("topic", topic, err);
}

static int publish(RpcCall *call, const char *space, const char *topic, int64_t time,
    const Google__Protobuf__Any *event, Error *err) {
    const ContainerdServices *services = rpc_call_user(call);
    TRY(check_identifier(space, err));
    TRY(check_topic(topic, err));
    if (!event)
        return error_set(err, ERROR_INVALID, "event is missing: invalid argument");
    event_publish(
        services->events, &(Event){.type = topic,
                              .action = event->type_url,
                              .id = space,
                              .payload = event->value.data ? event->value.data : (uint8_t *)"",
                              .payload_size = event->value.len,
                              .time = time});
    return 0;
}

int api_containerd_events_publish(RpcCall *call, const Containerd__Events__PublishRequest *request,
    Google__Protobuf__Empty *response, Error *err) {
    Caller caller;
    TRY(caller_of(call, &caller, err));
    return publish(call, caller.space, request->topic, 0, request->event, err);
}

int api_containerd_events_forward(RpcCall *call, const Containerd__Events__ForwardRequest *request,
    Google__Protobuf__Empty *response, Error *err) {
    const Containerd__Types__Envelope *envelope = request->envelope;
    if (!envelope)
        return error_set(err, ERROR_INVALID, "envelope is missing: invalid argument");
    int64_t time = envelope->timestamp
                       ? envelope->timestamp->seconds * TIME_SECOND + envelope->timestamp->nanos
                       : 0;
    return publish(call, envelope->namespace_, envelope->topic, time, envelope->event, err);
}

static const char *event_field(const void *object, char *const *path, size_t n) {
    const Event *event = object;
    if (n != 1)
        return NULL;
    return text_equal(path[0], "namespace") ? event->id
           : text_equal(path[0], "topic")   ? event->type
                                            : NULL;
}

static int send_event(RpcCall *call, const Event *event, Error *err) {
    Containerd__Types__Envelope envelope = CONTAINERD__TYPES__ENVELOPE__INIT;
    Google__Protobuf__Timestamp stamp = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    stamp.seconds = event->time / TIME_SECOND;
    stamp.nanos = (int32_t)(event->time % TIME_SECOND);
    any.type_url = (char *)(uintptr_t)event->action;
    any.value = (ProtobufCBinaryData){event->payload_size, (uint8_t *)(uintptr_t)event->payload};
    envelope.timestamp = &stamp;
    envelope.namespace_ = (char *)(uintptr_t)event->id;
    envelope.topic = (char *)(uintptr_t)event->type;
    envelope.event = &any;
    return rpc_call_send(call, &envelope.base, err);
}

/* All namespaces: a client that wants one says so in a filter, as with containerd. */
int api_containerd_events_subscribe(RpcCall *call,
    const Containerd__Events__SubscribeRequest *request, Containerd__Types__Envelope *response,
    Error *err) {
    const ContainerdServices *services = rpc_call_user(call);
    autoptr(Filter) filter = NULL;
    TRY(filter_parse(request->filters, request->n_filters, &filter, err));
    autoptr(EventListener) listener = event_listen(services->events);
    while (!rpc_call_cancelled(call)) {
        const Event *event;
        uint64_t lost;
        int code = event_next(listener, LOOK_EVERY, &event, &lost, err);
        if (code == ERROR_TIMEOUT)
            continue;
        TRY(code);
        if (filter_matches(filter, event_field, event))
            TRY(send_event(call, event, err));
    }
    return error_set(err, ERROR_CANCELLED, "the client has gone");
}
