// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <grpc/grpc.h>
#include <pthread.h>
#include <stdatomic.h>

#include "engine/rpc/arena.h"
#include "engine/rpc/call.h"
#include "engine/rpc/listener.h"
#include "engine/rpc/server.h"
#include "engine/rpc/worker.h"

/* What the files of this folder share. Every completion-queue tag is an RpcTag inside its owner;
 * the poller thread does nothing but `tag->complete(tag->owner, ok)`. */
typedef struct RpcTag {
    void (*complete)(void *owner, bool ok);
    void *owner;
} RpcTag;

typedef struct RpcRoute {
    char *path; /* "/tare.v1.Images/Pull" */
    const ProtobufCMethodDescriptor *method;
    const RpcMethod *row;
    void *user;
} RpcRoute;

/* One reference for the handler's side (the final batch) and one for the close batch, which tells
 * of the client's departure; each batch that is under way holds one. */
struct RpcCall {
    RpcServer *server;
    grpc_call *call;
    grpc_call_details details;
    grpc_metadata_array metadata;
    const RpcRoute *route;
    RpcTag accept_tag, first_tag, close_tag, final_tag;
    RpcJob job;
    pthread_mutex_t mutex; /* guards what follows up to `received` */
    pthread_cond_t changed;
    int cancel_fd;
    void (*cancel_callback)(RpcCall *, void *);
    void *cancel_argument;
    atomic_int references;
    atomic_bool cancelled;
    int was_cancelled; /* written by core before the close tag */
    grpc_byte_buffer *received;
    bool sent_initial, end_of_stream;
    Arena arena, message_arena; /* the call's; the last streamed message's */
    ProtobufCMessage *request;
};

struct RpcServer {
    grpc_server *server;
    grpc_server_credentials *credentials;
    grpc_completion_queue *queue;
    RpcRoute *route;
    size_t route_n;
    RpcListener *listener;
    RpcWorkers *workers;
    pthread_t poller;
    bool started;
    RpcTag shutdown_tag;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    bool shut_down;
    unsigned active; /* calls whose memory lives */
};

/* message.c */
grpc_byte_buffer *rpc_message_pack(const ProtobufCMessage *message);
ProtobufCMessage *rpc_message_unpack(
    grpc_byte_buffer *buffer, const ProtobufCMessageDescriptor *type, Arena *arena);

/* call.c */
RpcCall *rpc_call_new(RpcServer *server);
void rpc_call_ref(RpcCall *call);
void rpc_call_unref(RpcCall *call);
void rpc_call_mark_cancelled(RpcCall *call);

/* dispatch.c */
void rpc_request_next(RpcServer *server);

/* status.c */
grpc_status_code rpc_status_code(int error_code);

/* Core is not instrumented: tell the thread sanitizer that starting a batch happens before its
 * completion. */
#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *);
void __tsan_release(void *);
#define rpc_tag_started(tag) __tsan_release(tag)
#define rpc_tag_completed(tag) __tsan_acquire(tag)
#else
#define rpc_tag_started(tag) ((void)(tag))
#define rpc_tag_completed(tag) ((void)(tag))
#endif
