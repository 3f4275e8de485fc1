// SPDX-License-Identifier: Apache-2.0
#include <grpc/byte_buffer.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine/rpc/private.h"

/* A call's life on the completion queue:
 *
 *     request_call ─► accepted: ask for the next call, watch for the client's departure (own
 * batch), find the route, receive the request ─► first ─► worker: handler ─► final batch
 *
 * Everything here but handler_run and final_start runs on the poller thread and must not block. */

/* Status, trailer and, if all went well, the response. Consumes the handler side's reference. */
static void final_start(RpcCall *call, const ProtobufCMessage *response, const Error *err) {
    grpc_op ops[3] = {};
    size_t n = 0;
    bool ok = !err || err->code == 0;
    if (!call->sent_initial)
        ops[n++].op = GRPC_OP_SEND_INITIAL_METADATA;
    grpc_byte_buffer *buffer = ok && response ? rpc_message_pack(response) : NULL;
    if (buffer) {
        ops[n].op = GRPC_OP_SEND_MESSAGE;
        ops[n++].data.send_message.send_message = buffer;
    }
    grpc_slice message = grpc_slice_from_copied_string(ok ? "" : err->message);
    grpc_metadata reason = {.key = grpc_slice_from_static_string("tare-reason"),
        .value = grpc_slice_from_copied_string(ok ? "" : err->reason)};
    grpc_op *status = &ops[n++];
    status->op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    status->data.send_status_from_server.status = ok ? GRPC_STATUS_OK : rpc_status_code(err->code);
    status->data.send_status_from_server.status_details = ok ? NULL : &message;
    if (!ok && *err->reason) {
        status->data.send_status_from_server.trailing_metadata_count = 1;
        status->data.send_status_from_server.trailing_metadata = &reason;
    }
    rpc_tag_started(&call->final_tag);
    grpc_call_error e = grpc_call_start_batch(call->call, ops, n, &call->final_tag, NULL);
    grpc_byte_buffer_destroy(buffer);
    grpc_slice_unref(message);
    grpc_slice_unref(reason.value);
    if (e != GRPC_CALL_OK) {
        log_error("cannot answer a call: %s", grpc_call_error_to_string(e));
        rpc_call_unref(call);
    }
}

static void final_complete(void *owner, bool ok) {
    rpc_call_unref(owner);
}

void rpc_call_finish(RpcCall *call, const ProtobufCMessage *response, const Error *err) {
    final_start(call, response, err);
}

static void final_fail(RpcCall *call, int code, const char *text) {
    Error err = {};
    error_set(&err, code, "%s", text);
    final_start(call, NULL, &err);
}

static bool is_expected(int code) {
    return code == ERROR_NOT_FOUND || code == ERROR_CANCELLED || code == ERROR_INVALID;
}

/* On a worker thread. */
static void handler_run(void *owner) {
    RpcCall *call = owner;
    const RpcRoute *route = call->route;
    ProtobufCMessage *response = NULL;
    Error err = {};
    if (call->received) {
        call->request = rpc_message_unpack(call->received, route->method->input, &call->arena);
        grpc_byte_buffer_destroy(call->received);
        call->received = NULL;
        if (!call->request) {
            final_fail(call, ERROR_INVALID, "malformed request");
            return;
        }
    }
    if (!(route->row->kind & RPC_SERVER_STREAM)) {
        response = rpc_call_alloc(call, route->method->output->sizeof_message);
        protobuf_c_message_init(route->method->output, response);
    }
    int r = route->row->handler(call, call->request, response, &err);
    if (r == RPC_DETACHED)
        return;
    if (r < 0) {
        log_write(
            is_expected(r) ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "%s: %s", route->path, err.message);
    } else {
        err.code = 0;
    }
    final_start(call, response, &err);
}

static void handler_submit(RpcCall *call) {
    call->job = (RpcJob){.run = handler_run, .owner = call};
    if (call->route->row->kind == RPC_UNARY)
        rpc_workers_submit(call->server->workers, &call->job);
    else if (!rpc_workers_submit_lone(call->server->workers, &call->job))
        final_fail(call, ERROR_EXHAUSTED, "too many streams at once");
}

static void first_complete(void *owner, bool ok) {
    RpcCall *call = owner;
    if (ok && call->received)
        handler_submit(call);
    else
        final_fail(call, ERROR_INVALID, "the call has no request message");
}

static void close_complete(void *owner, bool ok) {
    RpcCall *call = owner;
    if (call->was_cancelled)
        rpc_call_mark_cancelled(call);
    rpc_call_unref(call);
}

static void close_watch(RpcCall *call) {
    grpc_op op = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
    op.data.recv_close_on_server.cancelled = &call->was_cancelled;
    call->close_tag = (RpcTag){close_complete, call};
    rpc_call_ref(call);
    rpc_tag_started(&call->close_tag);
    if (grpc_call_start_batch(call->call, &op, 1, &call->close_tag, NULL) != GRPC_CALL_OK)
        rpc_call_unref(call);
}

static void first_receive(RpcCall *call) {
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
    op.data.recv_message.recv_message = &call->received;
    call->first_tag = (RpcTag){first_complete, call};
    rpc_tag_started(&call->first_tag);
    if (grpc_call_start_batch(call->call, &op, 1, &call->first_tag, NULL) != GRPC_CALL_OK)
        final_fail(call, ERROR_INTERNAL, "cannot receive the request");
}

static int route_compare(const void *key, const void *route) {
    return strcmp(key, ((const RpcRoute *)route)->path);
}

static const RpcRoute *route_find(const RpcServer *server, grpc_slice method) {
    char path[256];
    size_t n = GRPC_SLICE_LENGTH(method);
    if (n >= sizeof path || server->route_n == 0)
        return NULL;
    memcpy(path, GRPC_SLICE_START_PTR(method), n);
    path[n] = 0;
    return bsearch(path, server->route, server->route_n, sizeof *server->route, route_compare);
}

static void accept_complete(void *owner, bool ok) {
    RpcCall *call = owner;
    RpcServer *server = call->server;
    if (!ok) { /* the server is shutting down */
        rpc_call_unref(call);
        return;
    }
    rpc_request_next(server);
    pthread_mutex_lock(&server->mutex);
    server->active++;
    pthread_mutex_unlock(&server->mutex);
    call->final_tag = (RpcTag){final_complete, call};
    close_watch(call);
    call->route = route_find(server, call->details.method);
    if (!call->route)
        final_fail(call, ERROR_UNSUPPORTED, "the engine does not know this method");
    else if (call->route->row->kind & RPC_CLIENT_STREAM)
        handler_submit(call);
    else
        first_receive(call);
}

void rpc_request_next(RpcServer *server) {
    RpcCall *call = rpc_call_new(server);
    call->accept_tag = (RpcTag){accept_complete, call};
    rpc_tag_started(&call->accept_tag);
    grpc_call_error e = grpc_server_request_call(server->server, &call->call, &call->details,
        &call->metadata, server->queue, server->queue, &call->accept_tag);
    if (e != GRPC_CALL_OK)
        rpc_call_unref(call);
}
