// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include "base/error.h"

/* Listening unix sockets and the thread that accepts on them. gRPC's own listener never accepts
 * again after one EMFILE, and would unlink another daemon's socket, so core only gets connections.
 */
typedef struct RpcListener RpcListener;

RpcListener *rpc_listener_new(void);
int rpc_listener_add(RpcListener *listener, const char *path, mode_t mode, gid_t gid, Error *err);
int rpc_listener_add_inherited(RpcListener *listener, Error *err); /* number of sockets */

/* `accepted` owns fd, which is non-blocking. */
int rpc_listener_start(
    RpcListener *listener, void (*accepted)(void *user, int fd), void *user, Error *err);

/* Ends the thread and removes the sockets that are still ours (not inherited ones). */
void rpc_listener_free(RpcListener *listener);
