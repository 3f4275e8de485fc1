// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <protobuf-c/protobuf-c.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Calls to the engine. The only door to gRPC; nothing here is loaded before the first call. One
 * thread. A failed call's Error has the engine's message, its code, and the tare-reason trailer as
 * reason. ERROR_UNAVAILABLE with reason CONNECTION_LOST: the engine went away. */
typedef struct Client Client;

/* Takes the connected socket. gRPC's own threads start here, with all signals blocked. */
Client *client_new(int fd);

/* containerd's services ask for a namespace with each call from now on; borrowed. */
void client_set_namespace(Client *client, const char *space);

/* What calls make from now on is held by this lease of the namespace; borrowed. NULL: by none. */
void client_set_lease(Client *client, const char *lease);

/* Ends the connection without waiting for anything. */
void client_free(Client *client);

typedef const ProtobufCServiceDescriptor ClientService;

/* ret_response may be NULL; else *ret_response is released with client_reply_free. */
int client_call(Client *client, ClientService *service, const char *method, const void *request,
    void *ret_response, Error *err);

void client_reply_free(void *reply);
static inline void cleanup_reply_(void *p) {
    client_reply_free(*(void **)p);
}
#define autoreply __attribute__((cleanup(cleanup_reply_)))

/* A call with a stream in one direction or both: open, send…, send_end, receive… until 0 or less.
 */
typedef struct ClientStream ClientStream;
ClientStream *client_open(Client *client, ClientService *service, const char *method);
int client_send(ClientStream *stream, const void *message, Error *err);
int client_send_end(ClientStream *stream, Error *err);

/* 1: *ret_message is released with client_reply_free. 0: the call has ended well. */
int client_receive(ClientStream *stream, void *ret_message, Error *err);
void client_stream_free(ClientStream *stream); /* cancels what is under way */
CLEANUP_DEFINE(ClientStream, client_stream_free)
