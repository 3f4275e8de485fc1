// SPDX-License-Identifier: Apache-2.0
#include <grpc/byte_buffer.h>
#include <string.h>

#include "engine/rpc/private.h"

/* Blocking operations of a stream's handler: the poller completes the batch and wakes us. */
typedef struct Waiter {
    RpcTag tag;
    RpcCall *call;
    bool done, ok;
} Waiter;

static void waiter_complete(void *owner, bool ok) {
    Waiter *waiter = owner;
    RpcCall *call = waiter->call;
    pthread_mutex_lock(&call->mutex);
    waiter->ok = ok;
    waiter->done = true;
    pthread_cond_broadcast(&call->changed);
    pthread_mutex_unlock(&call->mutex);
}

static bool batch_run(RpcCall *call, const grpc_op *ops, size_t n) {
    Waiter waiter = {.call = call};
    waiter.tag = (RpcTag){waiter_complete, &waiter};
    rpc_tag_started(&waiter.tag);
    if (grpc_call_start_batch(call->call, ops, n, &waiter.tag, NULL) != GRPC_CALL_OK)
        return false;
    pthread_mutex_lock(&call->mutex);
    while (!waiter.done)
        pthread_cond_wait(&call->changed, &call->mutex);
    pthread_mutex_unlock(&call->mutex);
    return waiter.ok;
}

int rpc_call_send(RpcCall *call, const ProtobufCMessage *message, Error *err) {
    grpc_op ops[2] = {};
    size_t n = 0;
    if (rpc_call_cancelled(call))
        return error_set(err, ERROR_CANCELLED, "the client has gone");
    if (!call->sent_initial)
        ops[n++].op = GRPC_OP_SEND_INITIAL_METADATA;
    call->sent_initial = true;
    grpc_byte_buffer *buffer = rpc_message_pack(message);
    ops[n].op = GRPC_OP_SEND_MESSAGE;
    ops[n++].data.send_message.send_message = buffer;
    bool ok = batch_run(call, ops, n);
    grpc_byte_buffer_destroy(buffer);
    if (!ok || rpc_call_cancelled(call))
        return error_set(err, ERROR_CANCELLED, "the client has gone");
    return 0;
}

int rpc_call_receive(RpcCall *call, const ProtobufCMessage **ret, Error *err) {
    grpc_byte_buffer *buffer = NULL;
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
    op.data.recv_message.recv_message = &buffer;
    *ret = NULL;
    if (call->end_of_stream)
        return 0;
    bool ok = batch_run(call, &op, 1);
    if (rpc_call_cancelled(call)) {
        grpc_byte_buffer_destroy(buffer);
        return error_set(err, ERROR_CANCELLED, "the client has gone");
    }
    if (!ok || !buffer) {
        call->end_of_stream = true;
        return 0;
    }
    arena_done(&call->message_arena);
    *ret = rpc_message_unpack(buffer, call->route->method->input, &call->message_arena);
    grpc_byte_buffer_destroy(buffer);
    return *ret ? 0 : error_set(err, ERROR_INVALID, "malformed message in the stream");
}
