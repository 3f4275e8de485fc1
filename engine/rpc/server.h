// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "engine/rpc/service.h"

/* A gRPC server over unix sockets. One completion queue and one poller thread, which never runs a
 * handler; unary calls go to a growing pool of workers, a stream has a thread of its own, and a
 * detached call has none.
 *
 *     rpc_server_new ─► add… ─► listen… ─► start ─► stop (frees) */
typedef struct RpcServer RpcServer;

typedef struct RpcServerOptions {
    unsigned max_workers; /* 0: 64 */
    unsigned max_streams; /* 0: 1024; more at once are refused */
    size_t max_message;   /* 0: 16 MiB */
} RpcServerOptions;

/* Signals that the program waits for must be blocked before: core's threads inherit the mask. */
RpcServer *rpc_server_new(const RpcServerOptions *options);

int rpc_server_add(RpcServer *server, const RpcService *service, void *user, Error *err);

/* Makes the socket; a stale one is replaced, a live one is ERROR_EXISTS. gid -1: the process's. */
int rpc_server_listen(RpcServer *server, const char *path, mode_t mode, gid_t gid, Error *err);

/* Takes the descriptors of sd_listen_fds(3); their number is returned. */
int rpc_server_listen_inherited(RpcServer *server, Error *err);

int rpc_server_start(RpcServer *server, Error *err);

/* Refuses new calls, gives those under way `grace` ns, cancels the rest, frees the server. */
void rpc_server_stop(RpcServer *server, int64_t grace);
