// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/server.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/text.h"
#include "proto/ttrpc/request.pb-c.h"
#include "ttrpc/frame.h"
#include "ttrpc/reason.h"

/* Bounds: what peers can make us keep (rule J). */
enum {
    CONNECTIONS_MAX = 64,
    PARKED_MAX = 64,    /* a connection */
    OUT_MAX = 16 << 20, /* bytes that a connection does not read */
    FRAMES_A_TURN = 16, /* a connection, before the others have theirs */
};

typedef struct Block {
    struct Block *next;
    alignas(max_align_t) char bytes[];
} Block;

typedef struct Connection Connection;
struct TtrpcCall {
    TtrpcCall *next;        /* parked calls of the connection */
    Connection *connection; /* NULL: lost while the call was deferred */
    uint32_t stream;
    bool deferred;
    const void *subject;
    const TtrpcService *service;
    const ProtobufCMethodDescriptor *method;
    const ProtobufCMessage *request;
    Block *blocks;
};

struct Connection {
    Connection *next;
    TtrpcServer *server;
    int fd;
    bool lost, wants_write;
    uint32_t last_stream;
    TtrpcReader reader;
    Text out;
    TtrpcCall *parked;
    size_t parked_n;
};

struct TtrpcServer {
    int epoll, listener;
    bool accepting, silent_reasons;
    const TtrpcService *services;
    Connection *connections;
    size_t connections_n;
};

/* All memory of a call, also what protobuf-c unpacks, ends with the call. */
static void *call_allocate(void *data, size_t size) {
    TtrpcCall *call = data;
    Block *block = memory_new(sizeof *block + size);
    block->next = call->blocks;
    call->blocks = block;
    return block->bytes;
}
static void call_keep(void *data, void *pointer) {
}

void *ttrpc_call_memory(TtrpcCall *call, size_t size) {
    return call_allocate(call, size);
}

char *ttrpc_call_text(TtrpcCall *call, const char *text) {
    size_t size = strlen(text) + 1;
    return memcpy(call_allocate(call, size), text, size);
}

int ttrpc_call_park(TtrpcCall *call, const void *subject) {
    call->subject = subject;
    return TTRPC_PARK;
}

int ttrpc_call_defer(TtrpcCall *call) {
    call->deferred = true;
    return TTRPC_PARK;
}

bool ttrpc_call_is_deferred(const TtrpcCall *call) {
    return call->deferred;
}

static void call_free(TtrpcCall *call) {
    for (Block *block = call->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(call);
}

static void watch_output(Connection *connection) {
    bool wanted = connection->out.length > 0;
    if (wanted == connection->wants_write)
        return;
    struct epoll_event event = {
        .events = EPOLLIN | (wanted ? (uint32_t)EPOLLOUT : 0), .data.ptr = connection};
    epoll_ctl(connection->server->epoll, EPOLL_CTL_MOD, connection->fd, &event);
    connection->wants_write = wanted;
}

static void flush(Connection *connection) {
    Error err;
    if (ttrpc_flush(&connection->out, connection->fd, &err) < 0 || connection->out.length > OUT_MAX)
        connection->lost = true;
    else
        watch_output(connection);
}

static void answer_error(Connection *connection, uint32_t stream, const Error *failure) {
    Google__Protobuf__Any reason = GOOGLE__PROTOBUF__ANY__INIT, *details = &reason;
    Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
    Ttrpc__Response response = TTRPC__RESPONSE__INIT;
    Error err;
    status.code = -failure->code;
    status.message = (char *)failure->message;
    if (*failure->reason && !connection->server->silent_reasons) {
        reason.type_url = (char *)TTRPC_REASON_TYPE;
        reason.value = (ProtobufCBinaryData){strlen(failure->reason), (uint8_t *)failure->reason};
        status.details = &details;
        status.n_details = 1;
    }
    response.status = &status;
    ttrpc_frame_append(&connection->out, TTRPC_RESPONSE, stream, &response.base, &err);
    flush(connection);
}

static void answer(Connection *connection, uint32_t stream, const ProtobufCMessage *message) {
    autodone(Text) payload = {};
    Ttrpc__Response response = TTRPC__RESPONSE__INIT;
    Error err;
    size_t length = protobuf_c_message_get_packed_size(message);
    text_reserve(&payload, length + 1);
    protobuf_c_message_pack(message, (uint8_t *)payload.data);
    response.payload = (ProtobufCBinaryData){length, (uint8_t *)payload.data};
    if (ttrpc_frame_append(&connection->out, TTRPC_RESPONSE, stream, &response.base, &err) < 0)
        answer_error(connection, stream, &err);
    else
        flush(connection);
}

/* Runs the handler; true when the call has been answered. */
static bool run(TtrpcCall *call) {
    const TtrpcService *service = call->service;
    const ProtobufCMessageDescriptor *type = call->method->output;
    ProtobufCMessage *response = call_allocate(call, type->sizeof_message);
    Error err = {};
    protobuf_c_message_init(type, response);
    int r = service->handle(service->owner, call, call->method, call->request, response, &err);
    if (r == TTRPC_PARK && call->connection)
        return false;
    if (!call->connection)
        return true;
    if (r < 0)
        answer_error(call->connection, call->stream, &err);
    else
        answer(call->connection, call->stream, response);
    return true;
}

static bool has_name(const TtrpcService *service, const char *name) {
    for (const char *const *p = service->names; *p; p++)
        if (strcmp(*p, name) == 0)
            return true;
    return false;
}

static void find_method(
    const TtrpcService *services, const Ttrpc__Request *request, TtrpcCall *call) {
    for (const TtrpcService *service = services; service->descriptor; service++)
        if (has_name(service, request->service)) {
            call->service = service;
            call->method = protobuf_c_service_descriptor_get_method_by_name(
                service->descriptor, request->method);
        }
}

/* Unpacks the request; ERROR_UNSUPPORTED, ERROR_INVALID. */
static int prepare(TtrpcCall *call, const TtrpcFrame *frame, Error *err) {
    ProtobufCAllocator allocator = {call_allocate, call_keep, call};
    Ttrpc__Request *request = ttrpc__request__unpack(&allocator, frame->length, frame->data);
    if (!request)
        return error_set(err, ERROR_INVALID, "malformed request");
    find_method(call->connection->server->services, request, call);
    if (!call->method)
        return error_set(err, ERROR_UNSUPPORTED, "/%.200s/%.200s is not implemented",
            request->service, request->method);
    call->request = protobuf_c_message_unpack(
        call->method->input, &allocator, request->payload.len, request->payload.data);
    if (!call->request)
        return error_set(err, ERROR_INVALID, "malformed %s", call->method->input->short_name);
    return 0;
}

static void park(TtrpcCall *call) {
    call->next = call->connection->parked;
    call->connection->parked = call;
    call->connection->parked_n++;
}

static void handle_request(Connection *connection, const TtrpcFrame *frame) {
    Error err = {};
    TtrpcCall *call = new (TtrpcCall);
    call->connection = connection;
    call->stream = frame->stream;
    int r = prepare(call, frame, &err);
    if (r >= 0 && connection->parked_n >= PARKED_MAX)
        r = error_set(&err, ERROR_EXHAUSTED, "too many calls wait on this connection");
    if (r < 0)
        answer_error(connection, frame->stream, &err);
    else if (!run(call)) {
        park(call);
        return;
    }
    call_free(call);
}

/* What the protocol forbids; the peer is told, the connection stays. */
static int check_frame(Connection *connection, const TtrpcFrame *frame, Error *err) {
    if (!frame->data)
        return error_set(
            err, ERROR_EXHAUSTED, "a message of %u bytes is longer than 4 MiB", frame->length);
    if (frame->type == TTRPC_DATA || frame->flags)
        return error_set(err, ERROR_UNSUPPORTED, "streams are not implemented");
    if (frame->stream % 2 == 0)
        return error_set(err, ERROR_INVALID, "stream id %u is not odd", frame->stream);
    if (frame->stream <= connection->last_stream)
        return error_set(err, ERROR_INVALID, "stream id %u does not increase", frame->stream);
    return 0;
}

static void read_frames(Connection *connection) {
    for (int i = 0; i < FRAMES_A_TURN && !connection->lost; i++) {
        TtrpcFrame frame;
        Error err = {};
        int r = ttrpc_reader_next(&connection->reader, connection->fd, &frame, &err);
        if (r == 0)
            return;
        if (r < 0)
            connection->lost = true;
        else if (frame.type != TTRPC_REQUEST && frame.type != TTRPC_DATA)
            continue; /* of a later version of the protocol */
        else if (check_frame(connection, &frame, &err) < 0)
            answer_error(connection, frame.stream, &err);
        else {
            connection->last_stream = frame.stream;
            handle_request(connection, &frame);
        }
    }
}

void ttrpc_call_resume(TtrpcCall *call) {
    bool answered = run(call);
    Connection *connection = call->connection;
    call->deferred = false;
    if (!answered)
        return;
    for (TtrpcCall **at = connection ? &connection->parked : NULL; at && *at; at = &(*at)->next)
        if (*at == call) {
            *at = call->next;
            connection->parked_n--;
            break;
        }
    call_free(call);
}

static void watch_listener(TtrpcServer *server) {
    bool wanted = server->connections_n < CONNECTIONS_MAX;
    if (wanted == server->accepting)
        return;
    struct epoll_event event = {.events = wanted ? EPOLLIN : 0, .data.ptr = server};
    epoll_ctl(server->epoll, EPOLL_CTL_MOD, server->listener, &event);
    server->accepting = wanted;
}

static void accept_connection(TtrpcServer *server) {
    autoclose int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 || !fd_peer_is_trusted(fd))
        return;
    Connection *connection = new (Connection);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        free(connection);
        return;
    }
    connection->server = server;
    connection->fd = take_fd(&fd);
    connection->next = server->connections;
    server->connections = connection;
    server->connections_n++;
    watch_listener(server);
}

static void connection_free(Connection *connection) {
    for (TtrpcCall *call = connection->parked, *next; call; call = next) {
        next = call->next;
        call->connection = NULL;
        if (!call->deferred)
            call_free(call);
    }
    /* close(2) alone is not enough: a child between vfork and exec may hold the socket open still
     */
    epoll_ctl(connection->server->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
    close(connection->fd);
    ttrpc_reader_done(&connection->reader);
    text_done(&connection->out);
    free(connection);
}

/* Only here do connections end, so that no caller above holds a pointer to one that is gone. */
static void sweep(TtrpcServer *server) {
    for (Connection **at = &server->connections; *at;) {
        Connection *connection = *at;
        if (!connection->lost) {
            at = &connection->next;
            continue;
        }
        *at = connection->next;
        server->connections_n--;
        connection_free(connection);
    }
    watch_listener(server);
}

int ttrpc_server_new(int listener, const TtrpcService *services, TtrpcServer **ret, Error *err) {
    autoclose int owned = listener;
    TRY(fd_set_nonblocking(listener, true, err));
    autoclose int epoll = epoll_create1(EPOLL_CLOEXEC);
    TtrpcServer *server = new (TtrpcServer);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = server};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0) {
        free(server);
        return error_set_errno(err, errno, "cannot watch the listening socket");
    }
    *server = (TtrpcServer){.epoll = take_fd(&epoll),
        .listener = take_fd(&owned),
        .accepting = true,
        .services = services};
    *ret = server;
    return 0;
}

TtrpcServer *ttrpc_server_free(TtrpcServer *server) {
    if (!server)
        return NULL;
    for (Connection *connection = server->connections; connection; connection = connection->next)
        connection->lost = true;
    sweep(server);
    close(server->listener);
    close(server->epoll);
    free(server);
    return NULL;
}

void ttrpc_server_tell_reasons(TtrpcServer *server, bool tell) {
    server->silent_reasons = !tell;
}

int ttrpc_server_fd(const TtrpcServer *server) {
    return server->epoll;
}

size_t ttrpc_server_connections(const TtrpcServer *server) {
    return server->connections_n;
}

void ttrpc_server_dispatch(TtrpcServer *server) {
    struct epoll_event events[16];
    int n = epoll_wait(server->epoll, events, array_size(events), 0);
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr == server) {
            accept_connection(server);
            continue;
        }
        Connection *connection = events[i].data.ptr;
        if (events[i].events & EPOLLOUT)
            flush(connection);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            read_frames(connection);
    }
    sweep(server);
}

static void wake_connection(Connection *connection, const void *subject) {
    TtrpcCall *call = connection->parked;
    connection->parked = NULL;
    connection->parked_n = 0;
    for (TtrpcCall *next; call; call = next) {
        next = call->next;
        if (call->subject == subject && !call->deferred && (connection->lost || run(call)))
            call_free(call);
        else
            park(call);
    }
}

void ttrpc_server_wake(TtrpcServer *server, const void *subject) {
    for (Connection *connection = server->connections; connection; connection = connection->next)
        wake_connection(connection, subject);
}
