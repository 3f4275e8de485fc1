// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/error.h"

/* One call under way, as its handler sees it. The handler runs on a worker thread (streams have a
 * thread of their own) and may block. Request and response live in the call's arena: what a handler
 * puts into the response is either rpc_call_alloc'ed, static, or part of the request. */
typedef struct RpcCall RpcCall;

/* Returns 0 or an ERROR_* with err filled. `request` is NULL for client streams, `response` for
 * server streams. RPC_DETACHED: somebody will call rpc_call_finish. */
typedef int (*RpcHandler)(
    RpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, Error *err);
enum {
    RPC_DETACHED = 1
};

void *rpc_call_user(const RpcCall *call); /* what the service was added with */

void *rpc_call_alloc(RpcCall *call, size_t size); /* zeroed */
char *rpc_call_copy(RpcCall *call, const char *string);
char **rpc_call_copy_all(RpcCall *call, char *const *strings, size_t n);

bool rpc_call_cancelled(const RpcCall *call);
int rpc_call_cancel_fd(RpcCall *call); /* borrowed; readable once the client has gone */

/* Who is at the other end of the socket; right as long as the call lives. */
int rpc_call_peer(const RpcCall *call, struct ucred *ret, Error *err);

/* A value that the client sent along as metadata; NULL: none. In the call's memory. */
const char *rpc_call_header(RpcCall *call, const char *name);

/* Streams. Both block; ERROR_CANCELLED when the client has gone. A received message is valid until
 * the next receive; NULL is the end of the client's stream. */
int rpc_call_send(RpcCall *call, const ProtobufCMessage *message, Error *err);
int rpc_call_receive(RpcCall *call, const ProtobufCMessage **ret, Error *err);

/* Detached unary calls: any thread, exactly once. err NULL or err->code 0 sends `response`, whose
 * memory may go when this returns. The call must not be touched afterwards. */
void rpc_call_finish(RpcCall *call, const ProtobufCMessage *response, const Error *err);

/* `callback` runs on the poller thread when the client goes: it must be quick. It may run after
 * rpc_call_finish, so `argument` has to live in the call's arena or for ever. */
void rpc_call_on_cancel(RpcCall *call, void (*callback)(RpcCall *, void *), void *argument);
