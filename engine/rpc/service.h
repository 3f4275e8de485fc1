// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>

#include "engine/rpc/call.h"

/* A service is a table of methods. The build turns each `rpc` line of a .proto into one row of
 * SERVICE_METHODS(X), X(service, Name, name, Request, Response, kind); from these rows RPC_SERVICE
 * makes the table, whose handlers are
 *
 *     int api_service_name(RpcCall *call, const Request *request, Response *response, Error *err);
 *
 * Adding an RPC is a line of .proto and a function: without the function the program does not link.
 */
typedef enum RpcKind {
    RPC_UNARY = 0,
    RPC_CLIENT_STREAM = 1,
    RPC_SERVER_STREAM = 2,
    RPC_BIDI_STREAM = 3,
    RPC_LONG = 4, /* unary, but it may last for days: not for the pool */
} RpcKind;

typedef struct RpcMethod {
    const char *name; /* as in the .proto */
    RpcHandler handler;
    RpcKind kind;
} RpcMethod;

typedef struct RpcService {
    const ProtobufCServiceDescriptor *descriptor;
    const RpcMethod *methods;
    size_t methods_n;
} RpcService;

#define RPC_PROTOTYPE(service, Name, name, Request, Response, kind)                                \
    int api_##service##_##name(                                                                    \
        RpcCall *call, const Request *request, Response *response, Error *err);

/* A thunk a method, because function pointers of different types must not be cast. */
#define RPC_THUNK(service, Name, name, Request, Response, kind)                                    \
    static int api_##service##_##name##_thunk(                                                     \
        RpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, Error *err) {  \
        return api_##service##_##name(call, (const Request *)request, (Response *)response, err);  \
    }
#define RPC_ROW(service, Name, name, Request, Response, kind)                                      \
    {#Name, api_##service##_##name##_thunk, (RpcKind)(kind)},

#define RPC_SERVICE(variable, METHODS, service_descriptor)                                         \
    METHODS(RPC_THUNK)                                                                             \
    static const RpcMethod variable##_methods[] = {METHODS(RPC_ROW)};                              \
    const RpcService variable = {&(service_descriptor), variable##_methods,                        \
        sizeof variable##_methods / sizeof *variable##_methods}
