// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>

#include "base/text.h"
#include "engine/api/containerd/message.h"
#include "engine/metadata/blob.h"
#include "proto/containerd/events/content.pb-c.h"
#include "proto/containerd/services/content.methods.h"
#include "proto/containerd/services/content.pb-c.h"

/* Content.Write: the client's first message opens a writer, each message is answered by one, and a
 * commit ends the stream. The writer goes with the stream, what it wrote stays. */
CONTAINERD_CONTENT_METHODS(RPC_PROTOTYPE)

typedef Containerd__Content__WriteContentRequest Request;
typedef Containerd__Content__WriteContentResponse Response;

typedef struct Session {
    RpcCall *call;
    Caller caller;
    BlobWriter *writer;
    int64_t total;
    char *expected; /* in the call's memory; NULL: unknown */
} Session;

static int next(RpcCall *call, const Request **ret, Error *err) {
    const ProtobufCMessage *message;
    TRY(rpc_call_receive(call, &message, err));
    *ret = (const void *)message;
    return 0;
}

static int open_writer(Session *session, const Request *request, Error *err) {
    if (text_is_empty(request->ref))
        return error_set(err, ERROR_INVALID, "first message must have a reference");
    const ContainerdServices *services = session->caller.services;
    const BlobWrite write = {
        .space = session->caller.space,
        .reference = request->ref,
        .lease = session->caller.lease,
        .expected = request->expected,
        .total = request->total,
    };
    return blob_writer_open(services->metadata, services->content, &write, &session->writer, err);
}

/* What the client expects may become known, or change, with any message. */
static int take_expected(Session *session, const Request *request, Error *err) {
    if (request->total > 0)
        session->total = request->total;
    if (text_is_empty(request->expected))
        return 0;
    TRY(digest_check(request->expected, err));
    session->expected = rpc_call_copy(session->call, request->expected);
    if (!metadata_has(session->caller.services->metadata, METADATA_CONTENT, session->caller.space,
            request->expected))
        return 0;
    blob_writer_forget(session->writer);
    return error_set(err, ERROR_EXISTS, "blob with expected digest %s exists: already exists",
        request->expected);
}

static int write_data(Session *session, const Request *request, Error *err) {
    uint64_t offset = blob_writer_offset(session->writer);
    if (request->offset > 0 && (uint64_t)request->offset != offset)
        return error_set(err, ERROR_RANGE,
            "write @%" PRId64 " must occur at current offset %" PRIu64 ": out of range",
            request->offset, offset);
    if (request->offset == 0 && offset > 0)
        TRY(blob_writer_restart(session->writer, err));
    return request->data.len == 0
               ? 0
               : blob_writer_write(session->writer, request->data.data, request->data.len, err);
}

static int commit(Session *session, const Request *request, Error *err) {
    JsonMap labels = message_take_map(session->call, request->labels, request->n_labels);
    char digest[DIGEST_TEXT_SIZE];
    blob_writer_digest(session->writer, digest);
    TRY(blob_writer_commit(
        session->writer, (uint64_t)session->total, session->expected, &labels, err));
    Containerd__Events__ContentCreate event;
    containerd__events__content_create__init(&event);
    event.digest = digest;
    event.size = (int64_t)blob_writer_offset(session->writer);
    message_publish(&session->caller, "/content/create", &event.base);
    return 0;
}

static int answer(Session *session, const Request *request, Error *err) {
    char digest[DIGEST_TEXT_SIZE];
    Response response;
    containerd__content__write_content_response__init(&response);
    response.action = request->action;
    response.offset = (int64_t)blob_writer_offset(session->writer);
    response.total = session->total;
    blob_writer_digest(session->writer, digest);
    response.digest = digest;
    Google__Protobuf__Timestamp started;
    google__protobuf__timestamp__init(&started);
    started.seconds = blob_writer_started(session->writer) / 1000000000;
    response.started_at = response.updated_at = &started;
    return rpc_call_send(session->call, &response.base, err);
}

static int serve(Session *session, const Request *request, Error *err) {
    bool commits = request->action == CONTAINERD__CONTENT__WRITE_ACTION__COMMIT;
    TRY(take_expected(session, request, err));
    if (commits || request->action == CONTAINERD__CONTENT__WRITE_ACTION__WRITE)
        TRY(write_data(session, request, err));
    if (commits)
        TRY(commit(session, request, err));
    TRY(answer(session, request, err));
    return commits;
}

static int serve_all(Session *session, Error *err) {
    const Request *request;
    TRY(next(session->call, &request, err));
    if (!request)
        return 0;
    TRY(open_writer(session, request, err));
    for (int done = 0; !done && request;) {
        done = serve(session, request, err);
        TRY(done);
        if (!done)
            TRY(next(session->call, &request, err));
    }
    return 0;
}

int api_containerd_content_write(RpcCall *call,
    const Containerd__Content__WriteContentRequest *request,
    Containerd__Content__WriteContentResponse *response, Error *err) {
    Session session = {.call = call};
    TRY(caller_of(call, &session.caller, err));
    int code = serve_all(&session, err);
    blob_writer_close(session.writer);
    return code;
}
