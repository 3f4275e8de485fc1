// SPDX-License-Identifier: Apache-2.0
#include "engine/rpc/call.h"

#include <errno.h>
#include <grpc/byte_buffer.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/rpc/private.h"

RpcCall *rpc_call_new(RpcServer *server) {
    RpcCall *call = new (RpcCall);
    call->server = server;
    call->cancel_fd = -1;
    pthread_mutex_init(&call->mutex, NULL);
    pthread_cond_init(&call->changed, NULL);
    atomic_init(&call->references, 1);
    grpc_call_details_init(&call->details);
    grpc_metadata_array_init(&call->metadata);
    return call;
}

void rpc_call_ref(RpcCall *call) {
    atomic_fetch_add(&call->references, 1);
}

/* grpc_call_unref comes last but one: the server may be destroyed once `active` is 0. */
void rpc_call_unref(RpcCall *call) {
    if (atomic_fetch_sub(&call->references, 1) != 1)
        return;
    RpcServer *server = call->server;
    bool accepted = call->call != NULL;
    grpc_byte_buffer_destroy(call->received);
    grpc_metadata_array_destroy(&call->metadata);
    grpc_call_details_destroy(&call->details);
    if (call->cancel_fd >= 0)
        close(call->cancel_fd);
    arena_done(&call->arena);
    arena_done(&call->message_arena);
    pthread_mutex_destroy(&call->mutex);
    pthread_cond_destroy(&call->changed);
    if (accepted)
        grpc_call_unref(call->call);
    free(call);
    if (!accepted)
        return;
    pthread_mutex_lock(&server->mutex);
    if (--server->active == 0)
        pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
}

/* On the poller thread, which holds the close batch's reference. */
void rpc_call_mark_cancelled(RpcCall *call) {
    pthread_mutex_lock(&call->mutex);
    atomic_store(&call->cancelled, true);
    if (call->cancel_fd >= 0)
        eventfd_write(call->cancel_fd, 1);
    pthread_cond_broadcast(&call->changed);
    void (*callback)(RpcCall *, void *) = call->cancel_callback;
    call->cancel_callback = NULL;
    pthread_mutex_unlock(&call->mutex);
    if (callback)
        callback(call, call->cancel_argument);
}

void rpc_call_on_cancel(RpcCall *call, void (*callback)(RpcCall *, void *), void *argument) {
    pthread_mutex_lock(&call->mutex);
    bool already = atomic_load(&call->cancelled);
    if (!already) {
        call->cancel_callback = callback;
        call->cancel_argument = argument;
    }
    pthread_mutex_unlock(&call->mutex);
    if (already)
        callback(call, argument);
}

void *rpc_call_user(const RpcCall *call) {
    return call->route->user;
}

void *rpc_call_alloc(RpcCall *call, size_t size) {
    void *p = arena_alloc(&call->arena, size);
    return memset(p, 0, size);
}

char *rpc_call_copy(RpcCall *call, const char *string) {
    if (!string)
        return NULL;
    size_t size = strlen(string) + 1;
    return memcpy(arena_alloc(&call->arena, size), string, size);
}

char **rpc_call_copy_all(RpcCall *call, char *const *strings, size_t n) {
    char **copies = arena_alloc(&call->arena, n * sizeof *copies);
    for (size_t i = 0; i < n; i++)
        copies[i] = rpc_call_copy(call, strings[i]);
    return copies;
}

const char *rpc_call_header(RpcCall *call, const char *name) {
    for (size_t i = 0; i < call->metadata.count; i++) {
        const grpc_metadata *row = &call->metadata.metadata[i];
        if (grpc_slice_str_cmp(row->key, name) != 0)
            continue;
        size_t n = GRPC_SLICE_LENGTH(row->value);
        char *value = rpc_call_alloc(call, n + 1);
        return memcpy(value, GRPC_SLICE_START_PTR(row->value), n);
    }
    return NULL;
}

bool rpc_call_cancelled(const RpcCall *call) {
    return atomic_load(&call->cancelled);
}

int rpc_call_cancel_fd(RpcCall *call) {
    pthread_mutex_lock(&call->mutex);
    if (call->cancel_fd < 0)
        call->cancel_fd = eventfd(atomic_load(&call->cancelled), EFD_CLOEXEC | EFD_NONBLOCK);
    int fd = call->cancel_fd;
    pthread_mutex_unlock(&call->mutex);
    return fd;
}

/* Core names the endpoint of a connection that it was handed "fd:N". A live call pins its transport
 * and so the descriptor: asking the kernel about N is free of races. */
int rpc_call_peer(const RpcCall *call, struct ucred *ret, Error *err) {
    char *name = grpc_call_get_peer(call->call);
    int fd = -1;
    bool known = sscanf(name, "fd:%d", &fd) == 1;
    gpr_free(name);
    socklen_t size = sizeof *ret;
    if (!known)
        return error_set(err, ERROR_INTERNAL, "the connection has no descriptor");
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &size) < 0)
        return error_set_errno(err, errno, "cannot ask for the peer's credentials");
    return 0;
}
