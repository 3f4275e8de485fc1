// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

/* A ttrpc server for a program with one thread and one event loop: the loop watches ttrpc_server_fd
 * (an epoll descriptor over the listener and all connections) and calls ttrpc_server_dispatch when
 * it is readable. Several services, each of which may have several names.
 *
 * A handler that cannot answer yet returns TTRPC_PARK after naming what it waits for; the call then
 * costs nothing until ttrpc_server_wake runs the handler again, with the same request. A parked
 * call ends by itself when its client leaves. */
typedef struct TtrpcServer TtrpcServer;
typedef struct TtrpcCall TtrpcCall;

enum {
    TTRPC_PARK = 1
};

/* request and response are of the method's types; response may point into the request and into
 * memory of ttrpc_call_memory. Returns 0, TTRPC_PARK, or err->code. */
typedef int (*TtrpcHandler)(void *owner, TtrpcCall *call, const ProtobufCMethodDescriptor *method,
    const ProtobufCMessage *request, ProtobufCMessage *response, Error *err);

typedef struct TtrpcService {
    const ProtobufCServiceDescriptor *descriptor;
    const char *const *names; /* NULL-terminated; the descriptor's own name is not implied */
    TtrpcHandler handle;
    void *owner;
} TtrpcService;

/* listener: a listening socket, taken. services are borrowed and end with an empty one. */
int ttrpc_server_new(int listener, const TtrpcService *services, TtrpcServer **ret, Error *err);
TtrpcServer *ttrpc_server_free(TtrpcServer *server); /* returns NULL */

/* Whether errors carry their reasons (ttrpc/reason.h), as they do at first. */
void ttrpc_server_tell_reasons(TtrpcServer *server, bool tell);

int ttrpc_server_fd(const TtrpcServer *server);
void ttrpc_server_dispatch(TtrpcServer *server);
size_t ttrpc_server_connections(const TtrpcServer *server);

/* Runs the handlers of all calls that are parked on subject again. Not from within a handler of a
 * call that is parked on the same subject. */
void ttrpc_server_wake(TtrpcServer *server, const void *subject);

void *ttrpc_call_memory(TtrpcCall *call, size_t size); /* zeroed; lives as long as the call */
char *ttrpc_call_text(TtrpcCall *call, const char *text);
int ttrpc_call_park(TtrpcCall *call, const void *subject); /* returns TTRPC_PARK */

/* For a handler that goes on elsewhere: the call stays, even if its client leaves, until
 * ttrpc_call_resume() runs the handler again. That may take its time; the server can be used
 * meanwhile, though not by two threads at once. */
int ttrpc_call_defer(TtrpcCall *call); /* returns TTRPC_PARK */
bool ttrpc_call_is_deferred(const TtrpcCall *call);
void ttrpc_call_resume(TtrpcCall *call);
