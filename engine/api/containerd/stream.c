// SPDX-License-Identifier: Apache-2.0
#include "engine/api/containerd/stream.h"

#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/rpc/service.h"
#include "proto/containerd/services/streaming.methods.h"
#include "proto/containerd/services/streaming.pb-c.h"

CONTAINERD_STREAMING_METHODS(RPC_PROTOTYPE)
RPC_SERVICE(containerd_streaming_service, CONTAINERD_STREAMING_METHODS,
    containerd__streaming__streaming__descriptor);

/* On the stack of the stream's own call. */
struct LentStream {
    LentStream *next;
    RpcCall *call;
    const ContainerdServices *services;
    const char *space, *name;
    bool borrowed, ended;
};

/* Few at a time, and all of them short-lived: one list for all engines of a process. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static LentStream *streams;

ProtobufCMessage *any_unpack(
    const Google__Protobuf__Any *any, const ProtobufCMessageDescriptor *type) {
    const char *slash = any ? strrchr(any->type_url, '/') : NULL;
    if (!any || !text_equal(slash ? slash + 1 : any->type_url, type->name))
        return NULL;
    return protobuf_c_message_unpack(type, NULL, any->value.len, any->value.data);
}

int stream_send(LentStream *stream, const ProtobufCMessage *message, Error *err) {
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    size_t size = protobuf_c_message_get_packed_size(message);
    autofree uint8_t *data = memory_new(size + 1);
    any.type_url = (char *)(uintptr_t)message->descriptor->name;
    any.value = (ProtobufCBinaryData){size, data};
    protobuf_c_message_pack(message, data);
    return rpc_call_send(stream->call, &any.base, err);
}

int stream_receive(LentStream *stream, const ProtobufCMessageDescriptor *type,
    ProtobufCMessage **ret, Error *err) {
    const ProtobufCMessage *any;
    TRY(rpc_call_receive(stream->call, &any, err));
    if (!any)
        return 1;
    *ret = any_unpack((const void *)any, type);
    return *ret ? 0
                : error_set(err, ERROR_INVALID, "expected %s on the stream: invalid argument",
                      type->name);
}

int stream_borrow(const Caller *caller, const char *name, LentStream **ret, Error *err) {
    LentStream *stream = NULL;
    if (text_is_empty(name))
        return 0;
    pthread_mutex_lock(&mutex);
    for (stream = streams; stream; stream = stream->next)
        if (stream->services == caller->services && !stream->borrowed &&
            text_equal(stream->space, caller->space) && text_equal(stream->name, name))
            break;
    if (stream)
        stream->borrowed = true;
    pthread_mutex_unlock(&mutex);
    *ret = stream;
    return stream ? 0 : error_set(err, ERROR_NOT_FOUND, "stream \"%.200s\": not found", name);
}

void stream_return(LentStream *stream) {
    if (!stream)
        return;
    pthread_mutex_lock(&mutex);
    stream->borrowed = false;
    stream->ended = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

/* With the mutex held. Until the borrower is done with it, or nobody came and the client left. */
static void wait_for_end(LentStream *stream) {
    while (!stream->ended && (stream->borrowed || !rpc_call_cancelled(stream->call))) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        pthread_cond_timedwait(&changed, &mutex, &until);
    }
}

static void offer(LentStream *stream) {
    Containerd__Streaming__StreamInit ready;
    Error gone;
    containerd__streaming__stream_init__init(&ready);
    pthread_mutex_lock(&mutex);
    stream->next = streams;
    streams = stream;
    pthread_mutex_unlock(&mutex);
    stream_send(stream, &ready.base, &gone); /* the client waits for any message */
    pthread_mutex_lock(&mutex);
    wait_for_end(stream);
    LentStream **link = &streams;
    while (*link != stream)
        link = &(*link)->next;
    *link = stream->next;
    pthread_mutex_unlock(&mutex);
}

int api_containerd_streaming_stream(RpcCall *call, const Google__Protobuf__Any *request,
    Google__Protobuf__Any *response, Error *err) {
    Caller caller;
    const ProtobufCMessage *first;
    TRY(caller_of(call, &caller, err));
    TRY(rpc_call_receive(call, &first, err));
    ProtobufCMessage *message =
        any_unpack((const void *)first, &containerd__streaming__stream_init__descriptor);
    const Containerd__Streaming__StreamInit *init = (const void *)message;
    LentStream stream = {
        .call = call,
        .services = caller.services,
        .space = caller.space,
        .name = init ? rpc_call_copy(call, init->id) : NULL,
    };
    protobuf_c_message_free_unpacked(message, NULL);
    if (text_is_empty(stream.name))
        return error_set(err, ERROR_INVALID, "a stream begins with its name: invalid argument");
    offer(&stream);
    return 0;
}
