// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/time.h"
#include "proto/ttrpc/request.pb-c.h"
#include "ttrpc/frame.h"
#include "ttrpc/reason.h"

struct TtrpcClient {
    int fd;
    uint32_t stream;                           /* of the last request */
    const ProtobufCMessageDescriptor *awaited; /* output of the call under way, or NULL */
    TtrpcReader reader;
    Text out;
};

/* connect(2) of a non-blocking unix socket never waits for a peer whose backlog is full. */
static int connect_now(const char *path, int *ret_fd, Error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        TRY(fd_connect(path, ret_fd, err));
        return fd_set_nonblocking(*ret_fd, true, err);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return error_set_errno(err, errno, "cannot connect to '%s'", path);
    *ret_fd = take_fd(&fd);
    return 0;
}

int ttrpc_client_connect(const char *path, TtrpcClient **ret, Error *err) {
    int fd;
    TRY(connect_now(text_starts(path, "unix://") ? path + strlen("unix://") : path, &fd, err));
    *ret = new (TtrpcClient);
    (*ret)->fd = fd;
    return 0;
}

TtrpcClient *ttrpc_client_free(TtrpcClient *client) {
    if (!client)
        return NULL;
    close(client->fd);
    ttrpc_reader_done(&client->reader);
    text_done(&client->out);
    free(client);
    return NULL;
}

int ttrpc_client_fd(const TtrpcClient *client) {
    return client->fd;
}

/* Waits until the socket is ready or the deadline (monotonic, -1: none) has passed. */
static int wait_ready(const TtrpcClient *client, short events, int64_t deadline, Error *err) {
    for (;;) {
        struct pollfd ready = {.fd = client->fd, .events = events};
        int64_t left = deadline < 0 ? -1 : deadline - time_monotonic();
        int timeout = -1;
        if (deadline >= 0)
            timeout = left > 0 ? (int)((left + TIME_MILLISECOND - 1) / TIME_MILLISECOND) : 0;
        int n = poll(&ready, 1, timeout);
        if (n > 0)
            return 0;
        if (n == 0)
            return error_set(err, ERROR_TIMEOUT, "no answer in time");
        if (errno != EINTR)
            return error_set_errno(err, errno, "cannot wait for an answer");
    }
}

static int64_t deadline_of(int64_t timeout) {
    return timeout < 0 ? -1 : time_monotonic() + timeout;
}

static const ProtobufCMethodDescriptor *find_method(
    const ProtobufCServiceDescriptor *service, const char *name) {
    for (unsigned i = 0; i < service->n_methods; i++)
        if (strcmp(service->methods[i].name, name) == 0)
            return &service->methods[i];
    return NULL;
}

static int send_request(TtrpcClient *client, const ProtobufCServiceDescriptor *service,
    const char *name, const ProtobufCMessage *request, int64_t timeout, Error *err) {
    const ProtobufCMethodDescriptor *method = find_method(service, name);
    if (!method)
        return error_set(err, ERROR_UNSUPPORTED, "%s has no method %s", service->name, name);
    if (client->awaited)
        return error_set(err, ERROR_STATE, "another call is under way");
    autodone(Text) payload = {};
    size_t length = protobuf_c_message_get_packed_size(request);
    text_reserve(&payload, length + 1);
    protobuf_c_message_pack(request, (uint8_t *)payload.data);
    Ttrpc__Request frame = TTRPC__REQUEST__INIT;
    frame.service = (char *)service->name;
    frame.method = (char *)name;
    frame.payload = (ProtobufCBinaryData){.len = length, .data = (uint8_t *)payload.data};
    frame.timeout_nano = timeout > 0 ? timeout : 0;
    uint32_t stream = client->stream ? client->stream + 2 : 1;
    TRY(ttrpc_frame_append(&client->out, TTRPC_REQUEST, stream, &frame.base, err));
    client->stream = stream;
    client->awaited = method->output;
    return 0;
}

/* A partly sent frame must be completed before anything else: it stays in client->out. */
static int flush(TtrpcClient *client, int64_t deadline, Error *err) {
    for (;;) {
        TRY(ttrpc_flush(&client->out, client->fd, err));
        if (client->out.length == 0)
            return 0;
        TRY(wait_ready(client, POLLOUT, deadline, err));
    }
}

static int status_error(const Google__Rpc__Status *status, Error *err) {
    /* a code outside of gRPC's 16 is nobody's vocabulary */
    int code = status->code > 0 && status->code <= 16 ? -status->code : ERROR_UNKNOWN;
    error_set(err, code, "%s", status->message ? status->message : "");
    for (size_t i = 0; i < status->n_details; i++)
        if (text_equal(status->details[i]->type_url, TTRPC_REASON_TYPE))
            snprintf(err->reason, sizeof err->reason, "%.*s", (int)status->details[i]->value.len,
                (const char *)status->details[i]->value.data);
    return code;
}

static int decode_response(TtrpcClient *client, const TtrpcFrame *frame,
    const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret, Error *err) {
    if (!frame->data)
        return error_set(err, ERROR_EXHAUSTED, "the answer is longer than 4 MiB");
    Ttrpc__Response *response = ttrpc__response__unpack(NULL, frame->length, frame->data);
    if (!response)
        return error_set(err, ERROR_CORRUPT, "malformed answer");
    int r = 0;
    if (response->status && response->status->code != 0) {
        r = status_error(response->status, err);
    } else if (ret) {
        *ret = protobuf_c_message_unpack(type, NULL, response->payload.len, response->payload.data);
        if (!*ret)
            r = error_set(err, ERROR_CORRUPT, "malformed %s", type->name);
    }
    ttrpc__response__free_unpacked(response, NULL);
    return r;
}

static int receive(
    TtrpcClient *client, int64_t deadline, ProtobufCMessage **ret_response, Error *err) {
    for (;;) {
        TtrpcFrame frame;
        TRY(flush(client, deadline, err));
        int r = ttrpc_reader_next(&client->reader, client->fd, &frame, err);
        if (r < 0)
            return r;
        if (r == 0) {
            TRY(wait_ready(client, POLLIN, deadline, err));
            continue;
        }
        /* what else comes answers calls that timed out */
        if (frame.type != TTRPC_RESPONSE || frame.stream != client->stream)
            continue;
        const ProtobufCMessageDescriptor *type = client->awaited;
        client->awaited = NULL;
        return decode_response(client, &frame, type, ret_response, err);
    }
}

int ttrpc_call(TtrpcClient *client, const ProtobufCServiceDescriptor *service, const char *method,
    const ProtobufCMessage *request, int64_t timeout, ProtobufCMessage **ret_response, Error *err) {
    TRY(send_request(client, service, method, request, timeout, err));
    int r = receive(client, deadline_of(timeout), ret_response, err);
    client->awaited = NULL;
    return r;
}

int ttrpc_send(TtrpcClient *client, const ProtobufCServiceDescriptor *service, const char *method,
    const ProtobufCMessage *request, Error *err) {
    TRY(send_request(client, service, method, request, -1, err));
    int r = ttrpc_flush(&client->out, client->fd, err);
    if (r < 0)
        client->awaited = NULL;
    return r;
}

int ttrpc_receive(
    TtrpcClient *client, int64_t timeout, ProtobufCMessage **ret_response, Error *err) {
    if (!client->awaited)
        return error_set(err, ERROR_STATE, "no call is under way");
    return receive(client, deadline_of(timeout), ret_response, err);
}

void ttrpc_response_free(ProtobufCMessage *response) {
    protobuf_c_message_free_unpacked(response, NULL);
}
