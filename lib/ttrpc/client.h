// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

/* One connection to a ttrpc server, for one thread at a time, with at most one call under way.
 * Either ttrpc_call, or ttrpc_send and later ttrpc_receive, for a call such as Wait whose answer is
 * awaited with epoll on ttrpc_client_fd. Timeouts are nanoseconds, -1 for ever, 0 not at all.
 *
 *     autoptr(TtrpcClient) client = NULL;
 *     TRY(ttrpc_client_connect(path, &client, err));
 *     Containerd__Task__V3__StartRequest request = CONTAINERD__TASK__V3__START_REQUEST__INIT;
 *     request.id = id;
 *     Containerd__Task__V3__StartResponse *response = NULL;
 *     TRY(ttrpc_call(client, &containerd__task__v3__task__descriptor, "Start", &request.base,
 * timeout, (ProtobufCMessage **)&response, err)); … ttrpc_response_free(&response->base);
 *
 * A status that the server answered with becomes the Error: code and message are the server's.
 * When the connection is lost the code is ERROR_UNAVAILABLE and err->sys is not 0 (ECONNRESET when
 * the peer has closed it); the client is then good only for ttrpc_client_free. */
typedef struct TtrpcClient TtrpcClient;

/* path may have the prefix "unix://". ERROR_NOT_FOUND, ERROR_UNAVAILABLE: nobody listens. */
int ttrpc_client_connect(const char *path, TtrpcClient **ret, Error *err);
TtrpcClient *ttrpc_client_free(TtrpcClient *client); /* returns NULL */
static inline void ttrpc_client_drop_(TtrpcClient *client) {
    ttrpc_client_free(client);
}
CLEANUP_DEFINE(TtrpcClient, ttrpc_client_drop_)

/* Borrowed and non-blocking; readable when ttrpc_receive has something to do. */
int ttrpc_client_fd(const TtrpcClient *client);

/* ret_response may be NULL when the answer carries nothing. ERROR_TIMEOUT: the client may go on
 * with another call, the late answer will be dropped. */
int ttrpc_call(TtrpcClient *client, const ProtobufCServiceDescriptor *service, const char *method,
    const ProtobufCMessage *request, int64_t timeout, ProtobufCMessage **ret_response, Error *err);

/* Starts a call; ERROR_STATE while another one is under way. */
int ttrpc_send(TtrpcClient *client, const ProtobufCServiceDescriptor *service, const char *method,
    const ProtobufCMessage *request, Error *err);

/* The answer to ttrpc_send. ERROR_TIMEOUT: not there yet, the call is still under way. */
int ttrpc_receive(
    TtrpcClient *client, int64_t timeout, ProtobufCMessage **ret_response, Error *err);

void ttrpc_response_free(ProtobufCMessage *response);
