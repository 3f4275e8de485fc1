// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

/* The socket is ours: connect(2) by us gives the kernel's own words for what is wrong, and saves
 * gRPC's resolver and subchannel. Each call has a completion queue of its own to pluck from. */

enum {
    MESSAGE_MAX = 16 << 20
};

struct Client {
    grpc_channel *channel;
    const char *space, *lease; /* NULL: none */
};

struct ClientStream {
    grpc_completion_queue *queue;
    grpc_call *call;
    const ProtobufCMethodDescriptor *method;
    grpc_metadata_array initial, trailing;
    grpc_status_code status;
    grpc_slice details;
    bool started, asked_initial, finished;
    grpc_metadata header[2]; /* the namespace, the lease */
    size_t headers;
};

_Static_assert(ERROR_CANCELLED == -GRPC_STATUS_CANCELLED, "error codes are gRPC's");
_Static_assert(ERROR_NOT_FOUND == -GRPC_STATUS_NOT_FOUND, "error codes are gRPC's");
_Static_assert(ERROR_UNAUTHENTICATED == -GRPC_STATUS_UNAUTHENTICATED, "error codes are gRPC's");

static void ignore_log(gpr_log_func_args *args) {
    (void)args;
}

static grpc_arg argument_integer(const char *key, int value) {
    return (grpc_arg){GRPC_ARG_INTEGER, (char *)key, {.integer = value}};
}

Client *client_new(int fd) {
    // core's threads inherit the mask: signals must reach the main thread only
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    unsetenv("GRPC_POLL_STRATEGY"); // an unknown strategy makes core abort
    gpr_set_log_function(ignore_log);
    grpc_init();
    grpc_arg arguments[] = {
        argument_integer(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, MESSAGE_MAX),
        argument_integer(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, MESSAGE_MAX),
        argument_integer(GRPC_ARG_ENABLE_CHANNELZ, 0),
        argument_integer(GRPC_ARG_ENABLE_RETRIES, 0),
        argument_integer(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
        {GRPC_ARG_STRING, (char *)GRPC_ARG_DEFAULT_AUTHORITY, {.string = (char *)"localhost"}},
    };
    grpc_channel_args channel_args = {array_size(arguments), arguments};
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    Client *client = new (Client);
    client->channel = grpc_channel_create_from_fd("localhost", fd, credentials, &channel_args);
    grpc_channel_credentials_release(credentials);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return client;
}

void client_set_namespace(Client *client, const char *space) {
    client->space = space;
}

void client_set_lease(Client *client, const char *lease) {
    client->lease = lease;
}

void client_free(Client *client) {
    if (!client)
        return;
    grpc_channel_destroy(client->channel);
    free(client); // no grpc_shutdown: it would wait for core's threads, and tare is about to exit
}

void client_reply_free(void *reply) {
    if (reply)
        protobuf_c_message_free_unpacked(reply, NULL);
}

static grpc_byte_buffer *pack(const ProtobufCMessage *message) {
    grpc_slice slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(message));
    protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

static void *unpack(grpc_byte_buffer *buffer, const ProtobufCMessageDescriptor *type) {
    grpc_byte_buffer_reader reader;
    if (!grpc_byte_buffer_reader_init(&reader, buffer))
        return NULL;
    grpc_slice slice = grpc_byte_buffer_reader_readall(&reader);
    void *message = protobuf_c_message_unpack(
        type, NULL, GRPC_SLICE_LENGTH(slice), GRPC_SLICE_START_PTR(slice));
    grpc_slice_unref(slice);
    grpc_byte_buffer_reader_destroy(&reader);
    return message;
}

static void add_header(ClientStream *stream, const char *key, const char *value) {
    if (!value)
        return;
    grpc_metadata *header = &stream->header[stream->headers++];
    header->key = grpc_slice_from_static_string(key);
    header->value = grpc_slice_from_copied_string(value);
}

ClientStream *client_open(Client *client, ClientService *service, const char *method) {
    ClientStream *stream = new (ClientStream);
    stream->method = protobuf_c_service_descriptor_get_method_by_name(service, method);
    if (!stream->method)
        abort(); // a method that the .proto does not have
    stream->queue = grpc_completion_queue_create_for_pluck(NULL);
    autofree char *path = text_format("/%s/%s", service->name, method);
    grpc_slice path_slice = grpc_slice_from_copied_string(path);
    stream->call = grpc_channel_create_call(client->channel, NULL, GRPC_PROPAGATE_DEFAULTS,
        stream->queue, path_slice, NULL, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    grpc_slice_unref(path_slice);
    grpc_metadata_array_init(&stream->initial);
    grpc_metadata_array_init(&stream->trailing);
    stream->details = grpc_empty_slice();
    add_header(stream, "containerd-namespace", client->space);
    add_header(stream, "containerd-lease", client->lease);
    return stream;
}

void client_stream_free(ClientStream *stream) {
    if (!stream)
        return;
    grpc_call_cancel(stream->call, NULL);
    grpc_slice_unref(stream->details);
    for (size_t i = 0; i < stream->headers; i++)
        grpc_slice_unref(stream->header[i].value);
    grpc_metadata_array_destroy(&stream->initial);
    grpc_metadata_array_destroy(&stream->trailing);
    grpc_call_unref(stream->call);
    grpc_completion_queue_shutdown(stream->queue);
    grpc_completion_queue_destroy(stream->queue);
    free(stream);
}

/* Runs the operations to their end; false when the call is over. */
static bool run_batch(ClientStream *stream, const grpc_op *operations, size_t n) {
    if (grpc_call_start_batch(stream->call, operations, n, stream, NULL) != GRPC_CALL_OK)
        return false;
    grpc_event event = grpc_completion_queue_pluck(
        stream->queue, stream, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    return event.type == GRPC_OP_COMPLETE && event.success;
}

static grpc_op receive_status(ClientStream *stream) {
    grpc_op operation = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};
    operation.data.recv_status_on_client.trailing_metadata = &stream->trailing;
    operation.data.recv_status_on_client.status = &stream->status;
    operation.data.recv_status_on_client.status_details = &stream->details;
    return operation;
}

static grpc_op receive_initial(ClientStream *stream) {
    grpc_op operation = {.op = GRPC_OP_RECV_INITIAL_METADATA};
    operation.data.recv_initial_metadata.recv_initial_metadata = &stream->initial;
    return operation;
}

static grpc_op send_initial(ClientStream *stream) {
    grpc_op operation = {.op = GRPC_OP_SEND_INITIAL_METADATA};
    operation.data.send_initial_metadata.count = stream->headers;
    operation.data.send_initial_metadata.metadata = stream->header;
    return operation;
}

/* Words of core, not of the engine, for a connection that broke. */
static bool is_connection_lost(const char *details) {
    static const char *const words[] = {"Socket closed", "Broken pipe", "Connection reset by peer",
        "Connection refused", "failed to connect", "Endpoint read failed", "recvmsg", "sendmsg",
        "GOAWAY", "Channel closed", "Transport closed"};
    for (size_t i = 0; i < array_size(words); i++)
        if (strstr(details, words[i]))
            return true;
    return false;
}

static int status_to_error(ClientStream *stream, Error *err) {
    if (stream->status == GRPC_STATUS_OK)
        return 0;
    char *details = grpc_slice_to_c_string(stream->details);
    if (stream->status == GRPC_STATUS_UNAVAILABLE && is_connection_lost(details)) {
        error_set(err, ERROR_UNAVAILABLE, "the engine closed the connection");
        error_set_reason(err, "CONNECTION_LOST");
    } else {
        error_set(
            err, -(int)stream->status, "%s", *details ? details : "the engine gave no reason");
    }
    gpr_free(details);
    for (size_t i = 0; i < stream->trailing.count; i++) {
        const grpc_metadata *row = &stream->trailing.metadata[i];
        if (grpc_slice_str_cmp(row->key, "tare-reason"))
            continue;
        char *reason = grpc_slice_to_c_string(row->value);
        error_set_reason(err, reason);
        gpr_free(reason);
    }
    return err->code;
}

/* Fetches the status of a call that is over; core keeps it back until the initial metadata has been
 * asked for. */
static int finish(ClientStream *stream, Error *err) {
    if (!stream->finished) {
        grpc_op operations[2] = {receive_status(stream), receive_initial(stream)};
        run_batch(stream, operations, stream->asked_initial ? 1 : 2);
        stream->finished = stream->asked_initial = true;
    }
    return status_to_error(stream, err);
}

static int bad_reply(const ClientStream *stream, Error *err) {
    return error_set(err, ERROR_CORRUPT, "the engine's answer to %s is no %s", stream->method->name,
        stream->method->output->name);
}

int client_call(Client *client, ClientService *service, const char *method, const void *request,
    void *ret_response, Error *err) {
    autoptr(ClientStream) stream = client_open(client, service, method);
    grpc_byte_buffer *sent = pack(request), *received = NULL;
    grpc_op operations[6] = {send_initial(stream),
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = sent},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT}, receive_initial(stream),
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &received},
        receive_status(stream)};
    stream->started = stream->finished = true;
    run_batch(stream, operations, array_size(operations));
    grpc_byte_buffer_destroy(sent);
    int result = status_to_error(stream, err);
    void *message = NULL;
    if (result >= 0 && !(received && (message = unpack(received, stream->method->output))))
        result = bad_reply(stream, err);
    grpc_byte_buffer_destroy(received);
    if (result >= 0 && ret_response)
        *(void **)ret_response = message;
    else
        client_reply_free(message);
    return result;
}

static size_t add_start(ClientStream *stream, grpc_op *operations) {
    if (stream->started)
        return 0;
    stream->started = true;
    operations[0] = send_initial(stream);
    return 1;
}

int client_send(ClientStream *stream, const void *message, Error *err) {
    grpc_op operations[2];
    size_t n = add_start(stream, operations);
    grpc_byte_buffer *sent = pack(message);
    operations[n++] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = sent};
    bool ok = run_batch(stream, operations, n);
    grpc_byte_buffer_destroy(sent);
    if (ok)
        return 0;
    int result = finish(stream, err);
    return result < 0
               ? result
               : error_set(err, ERROR_ABORTED, "the engine ended %s early", stream->method->name);
}

int client_send_end(ClientStream *stream, Error *err) {
    grpc_op operations[2];
    size_t n = add_start(stream, operations);
    operations[n++] = (grpc_op){.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
    return run_batch(stream, operations, n) ? 0 : finish(stream, err);
}

int client_receive(ClientStream *stream, void *ret_message, Error *err) {
    grpc_op operations[3];
    size_t n = add_start(stream, operations);
    if (!stream->asked_initial)
        operations[n++] = receive_initial(stream);
    stream->asked_initial = true;
    grpc_byte_buffer *received = NULL;
    operations[n++] =
        (grpc_op){.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &received};
    if (!run_batch(stream, operations, n) || !received)
        return finish(stream, err);
    void *message = unpack(received, stream->method->output);
    grpc_byte_buffer_destroy(received);
    if (!message)
        return bad_reply(stream, err);
    *(void **)ret_message = message;
    return 1;
}
