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
#include "engine/registry/download.h"

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
    BATCH = 512,
    FETCH_STEP = 1 << 20 /* bytes from message to message */
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
    TRY(image_history(services_of(call)->images, request->image, request->platform, &history, err));
    response->rows = rpc_call_alloc(call, (history.n + 1) * sizeof *response->rows);
    response->n_rows = history.n;
    for (size_t i = 0; i < history.n; i++)
        response->rows[i] = encode_row(call, &history.row[i]);
    return 0;
}

/* A tar that the engine fetches. Somebody watches: not each piece is worth a message. */
typedef struct Fetch {
    RpcCall *call;
    const RegistryConfig *config;
    const char *url;
    ImageWriter *write;
    void *to;
    int64_t current, total, told;
} Fetch;

static int tell_fetch(const Fetch *fetch, bool begins, Error *err) {
    Tare__V1__ImportResponse message = TARE__V1__IMPORT_RESPONSE__INIT;
    message.downloading = (char *)(uintptr_t)(begins ? fetch->url : "");
    message.current = fetch->current;
    message.total = fetch->total;
    return rpc_call_send(fetch->call, &message.base, err);
}

static int start_fetch(void *user, int64_t size, Error *err) {
    Fetch *fetch = user;
    fetch->total = size;
    return tell_fetch(fetch, true, err);
}

static int take_fetched(void *user, const void *data, size_t n, Error *err) {
    Fetch *fetch = user;
    TRY(fetch->write(fetch->to, data, n, err));
    fetch->current += (int64_t)n;
    if (fetch->current - fetch->told < FETCH_STEP)
        return 0;
    fetch->told = fetch->current;
    return tell_fetch(fetch, false, err);
}

static int watch_fetch(void *user) {
    return rpc_call_cancelled(((Fetch *)user)->call) ? ERROR_CANCELLED : 0;
}

static int send_fetched(void *user, ImageWriter *write, void *to, Error *err) {
    Fetch *fetch = user;
    fetch->write = write;
    fetch->to = to;
    const Download what = {fetch->url, start_fetch, take_fetched, watch_fetch, fetch};
    return download(fetch->config, &what, err);
}

static bool is_url(const char *source) {
    return text_starts(source, "http://") || text_starts(source, "https://");
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
    Fetch fetch = {
        .call = call,
        .config = &services_of(call)->config->registry,
        .url = rpc_call_copy(call, settings->source),
    };
    const ImageSource fetched = {.send = send_fetched, .user = &fetch};
    const ImageSource uploaded = {.read = upload_read, .user = &upload};
    /* the message goes with the next one */
    const ImageFromTar from = {
        .name = rpc_call_copy(call, settings->reference),
        .comment = rpc_call_copy(call, settings->comment),
        .source = fetch.url,
        .platform = rpc_call_copy(call, settings->platform),
        .changes =
            (const char *const *)rpc_call_copy_all(call, settings->changes, settings->n_changes),
        .changes_n = settings->n_changes,
        .tar = is_url(fetch.url) ? fetched : uploaded,
    };
    TRY(image_from_tar(services_of(call)->images, &from, &id, err));
    Tare__V1__ImportResponse done = TARE__V1__IMPORT_RESPONSE__INIT;
    done.id = id;
    return rpc_call_send(call, &done.base, err);
}
