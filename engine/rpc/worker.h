// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

/* Threads for blocking work: a pool that grows on demand and shrinks when idle, and lone threads
 * for work that may last for days and so must not occupy the pool. */
typedef struct RpcWorkers RpcWorkers;

typedef struct RpcJob {
    struct RpcJob *next;
    void (*run)(void *owner);
    void *owner;
} RpcJob;

RpcWorkers *rpc_workers_new(unsigned max_pool, unsigned max_lone);
void rpc_workers_free(RpcWorkers *workers); /* waits until every job has run */

void rpc_workers_submit(RpcWorkers *workers, RpcJob *job); /* the job's memory is the caller's */
bool rpc_workers_submit_lone(RpcWorkers *workers, RpcJob *job); /* false: no thread to be had */
