// SPDX-License-Identifier: Apache-2.0
#include "engine/rpc/server.h"

#include <errno.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <grpc/support/log.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/rpc/private.h"

extern char **environ;

enum {
    MAX_WORKERS = 64,
    MAX_STREAMS = 1024,
    MAX_MESSAGE = 16 << 20
};

static void core_log(gpr_log_func_args *args) {
    log_write(args->severity == GPR_LOG_SEVERITY_ERROR ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG,
        "grpc: %s", args->message);
}

/* Core changes behaviour, or aborts, by variables of its own. */
static void core_init(void) {
    for (size_t i = 0; environ[i];) {
        size_t n = strcspn(environ[i], "=");
        if (!text_starts(environ[i], "GRPC_") || n > 128) {
            i++;
            continue;
        }
        autofree char *name = text_copy_n(environ[i], n);
        unsetenv(name);
    }
    gpr_set_log_function(core_log);
    grpc_init();
}

static grpc_arg integer(const char *name, int value) {
    return (grpc_arg){GRPC_ARG_INTEGER, (char *)(uintptr_t)name, {.integer = value}};
}

RpcServer *rpc_server_new(const RpcServerOptions *options) {
    RpcServer *server = new (RpcServer);
    int max_message = options->max_message ? (int)options->max_message : MAX_MESSAGE;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&server->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&server->mutex, NULL);
    server->listener = rpc_listener_new();
    server->workers = rpc_workers_new(options->max_workers ? options->max_workers : MAX_WORKERS,
        options->max_streams ? options->max_streams : MAX_STREAMS);
    core_init();
    grpc_arg args[] = {
        integer(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, max_message),
        integer(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, max_message),
        integer(GRPC_ARG_ENABLE_CHANNELZ, 0),
        integer(GRPC_ARG_HTTP2_BDP_PROBE, 0),
        integer(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0), /* clients may ping as they like */
        integer(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1 << 20),
    };
    grpc_channel_args all = {array_size(args), args};
    server->server = grpc_server_create(&all, NULL);
    server->credentials = grpc_insecure_server_credentials_create();
    server->queue = grpc_completion_queue_create_for_next(NULL);
    grpc_server_register_completion_queue(server->server, server->queue, NULL);
    return server;
}

static int route_compare(const void *a, const void *b) {
    return strcmp(((const RpcRoute *)a)->path, ((const RpcRoute *)b)->path);
}

int rpc_server_add(RpcServer *server, const RpcService *service, void *user, Error *err) {
    for (size_t i = 0; i < service->methods_n; i++) {
        const RpcMethod *row = &service->methods[i];
        const ProtobufCMethodDescriptor *method =
            protobuf_c_service_descriptor_get_method_by_name(service->descriptor, row->name);
        if (!method)
            return error_set(err, ERROR_INTERNAL, "service %s has no method %s",
                service->descriptor->name, row->name);
        char *path = text_format("/%s/%s", service->descriptor->name, row->name);
        RpcRoute route = {.path = path, .method = method, .row = row, .user = user};
        array_append(server->route, server->route_n, route);
    }
    qsort(server->route, server->route_n, sizeof *server->route, route_compare);
    return 0;
}

int rpc_server_listen(RpcServer *server, const char *path, mode_t mode, gid_t gid, Error *err) {
    return rpc_listener_add(server->listener, path, mode, gid, err);
}

int rpc_server_listen_inherited(RpcServer *server, Error *err) {
    return rpc_listener_add_inherited(server->listener, err);
}

static void *poller_thread(void *argument) {
    RpcServer *server = argument;
    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(server->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        if (event.type != GRPC_OP_COMPLETE)
            continue;
        RpcTag *tag = event.tag;
        rpc_tag_completed(tag);
        tag->complete(tag->owner, event.success != 0);
    }
}

static void connection_accepted(void *user, int fd) {
    RpcServer *server = user;
    grpc_server_add_channel_from_fd(server->server, fd, server->credentials);
}

int rpc_server_start(RpcServer *server, Error *err) {
    grpc_server_start(server->server);
    server->started = true;
    rpc_request_next(server);
    int r = pthread_create(&server->poller, NULL, poller_thread, server);
    if (r != 0)
        return error_set_errno(err, r, "cannot start the thread that polls for calls");
    return rpc_listener_start(server->listener, connection_accepted, server, err);
}

static void shutdown_complete(void *owner, bool ok) {
    RpcServer *server = owner;
    pthread_mutex_lock(&server->mutex);
    server->shut_down = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
}

/* Core aborts when a batch is started on a queue that was shut down; hence no call may be left. */
static void calls_end(RpcServer *server, int64_t grace) {
    server->shutdown_tag = (RpcTag){shutdown_complete, server};
    rpc_tag_started(&server->shutdown_tag);
    grpc_server_shutdown_and_notify(server->server, server->queue, &server->shutdown_tag);
    int64_t at = time_monotonic() + grace;
    struct timespec until = {at / TIME_SECOND, at % TIME_SECOND};
    pthread_mutex_lock(&server->mutex);
    while (!server->shut_down &&
           pthread_cond_timedwait(&server->changed, &server->mutex, &until) != ETIMEDOUT) {
    }
    if (!server->shut_down) {
        pthread_mutex_unlock(&server->mutex);
        grpc_server_cancel_all_calls(server->server);
        pthread_mutex_lock(&server->mutex);
    }
    while (!server->shut_down || server->active)
        pthread_cond_wait(&server->changed, &server->mutex);
    pthread_mutex_unlock(&server->mutex);
}

void rpc_server_stop(RpcServer *server, int64_t grace) {
    if (!server)
        return;
    rpc_listener_free(server->listener);
    if (server->started)
        calls_end(server, grace);
    rpc_workers_free(server->workers);
    grpc_completion_queue_shutdown(server->queue);
    if (server->started)
        pthread_join(server->poller, NULL);
    grpc_server_destroy(server->server);
    grpc_completion_queue_destroy(server->queue);
    grpc_server_credentials_release(server->credentials);
    for (size_t i = 0; i < server->route_n; i++)
        free(server->route[i].path);
    free(server->route);
    pthread_mutex_destroy(&server->mutex);
    pthread_cond_destroy(&server->changed);
    free(server);
    grpc_shutdown();
}
