// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/api/tare/containers.h"
#include "engine/api/tare/images.h"
#include "engine/api/tare/services.h"
#include "engine/api/tare/upload.h"
#include "engine/container/commit.h"
#include "engine/image/history.h"
#include "engine/image/import.h"

/* Containers and tars that become images, and what is in them. */
static const TareServices *services_of(const RpcCall *call) {
    return rpc_call_user(call);
}

int api_containers_commit(RpcCall *call, const Tare__V1__CommitRequest *request,
    Tare__V1__CommitResponse *response, Error *err) {
    autofree char *id = NULL;
    const ContainerCommit commit = {
        .name = request->reference,
        .author = request->author,
        .comment = request->comment,
        .changes = (const char *const *)request->changes,
        .changes_n = request->n_changes,
        .pause = request->pause,
    };
    TRY(container_commit(services_of(call)->containers, request->container, &commit, &id, err));
    response->id = rpc_call_copy(call, id);
    return 0;
}

enum {
    BATCH = 512
};

/* Changes go in messages of some hundred. */
typedef struct Batch {
    RpcCall *call;
    Tare__V1__Change change[BATCH], *pointer[BATCH];
    size_t n;
} Batch;

static int send_batch(Batch *batch, Error *err) {
    Tare__V1__ChangesResponse message = TARE__V1__CHANGES_RESPONSE__INIT;
    message.changes = batch->pointer;
    message.n_changes = batch->n;
    int code = batch->n > 0 ? rpc_call_send(batch->call, &message.base, err) : 0;
    for (size_t i = 0; i < batch->n; i++) {
        free(batch->change[i].kind);
        free(batch->change[i].path.data);
    }
    batch->n = 0;
    return code;
}

static int add_change(void *user, char kind, const char *path, Error *err) {
    Batch *batch = user;
    Tare__V1__Change *change = batch->pointer[batch->n] = &batch->change[batch->n];
    tare__v1__change__init(change);
    change->kind = text_copy_n(&kind, 1);
    change->path = (ProtobufCBinaryData){strlen(path), (uint8_t *)text_copy(path)};
    return ++batch->n == BATCH ? send_batch(batch, err) : 0;
}

int api_containers_changes(RpcCall *call, const Tare__V1__ContainerRequest *request,
    Tare__V1__ChangesResponse *response, Error *err) {
    autofree Batch *batch = new (Batch);
    Error ignored;
    batch->call = call;
    int code = container_changes(
        services_of(call)->containers, request->container, add_change, batch, err);
    int sent = send_batch(batch, code < 0 ? &ignored : err);
    return code < 0 ? code : sent;
}

static int send_data(void *user, const void *data, size_t n, Error *err) {
    Tare__V1__ExportResponse message = TARE__V1__EXPORT_RESPONSE__INIT;
    message.data = (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)data};
    return rpc_call_send(user, &message.base, err);
}

int api_containers_export(RpcCall *call, const Tare__V1__ContainerRequest *request,
    Tare__V1__ExportResponse *response, Error *err) {
    return container_export(
        services_of(call)->containers, request->container, send_data, call, err);
}

static Tare__V1__HistoryRow *encode_row(RpcCall *call, const ImageHistoryRow *from) {
    Tare__V1__HistoryRow *row = rpc_call_alloc(call, sizeof *row);
    tare__v1__history_row__init(row);
    row->id = rpc_call_copy(call, from->id ? from->id : "");
    row->created = from->created;
    row->created_by = rpc_call_copy(call, from->created_by ? from->created_by : "");
    row->comment = rpc_call_copy(call, from->comment ? from->comment : "");
    row->size = (int64_t)from->size;
    row->tags = rpc_call_copy_all(call, from->references.item, from->references.n);
    row->n_tags = from->references.n;
    return row;
}

int api_images_history(RpcCall *call, const Tare__V1__ImageRequest *request,
    Tare__V1__HistoryResponse *response, Error *err) {
    autodone(ImageHistory) history = {};
    TRY(image_history(services_of(call)->images, request->image, &history, err));
    response->rows = rpc_call_alloc(call, (history.n + 1) * sizeof *response->rows);
    response->n_rows = history.n;
    for (size_t i = 0; i < history.n; i++)
        response->rows[i] = encode_row(call, &history.row[i]);
    return 0;
}

int api_images_import(RpcCall *call, const Tare__V1__ImportRequest *request,
    Tare__V1__ImportResponse *response, Error *err) {
    Upload upload = {.call = call, .data = offsetof(Tare__V1__ImportRequest, data)};
    autofree char *id = NULL;
    TRY(upload_next(&upload, err));
    const Tare__V1__ImportRequest *first = (const void *)upload.message;
    const Tare__V1__ImportSettings *settings = first ? first->settings : NULL;
    if (!settings)
        return error_set(err, ERROR_INVALID, "the settings of the import are missing");
    /* the message goes with the next one */
    const ImageFromTar from = {
        .name = rpc_call_copy(call, settings->reference),
        .comment = rpc_call_copy(call, settings->comment),
        .source = rpc_call_copy(call, settings->source),
        .platform = rpc_call_copy(call, settings->platform),
        .changes =
            (const char *const *)rpc_call_copy_all(call, settings->changes, settings->n_changes),
        .changes_n = settings->n_changes,
        .reader = upload_read,
        .user = &upload,
    };
    TRY(image_from_tar(services_of(call)->images, &from, &id, err));
    response->id = rpc_call_copy(call, id);
    return 0;
}
