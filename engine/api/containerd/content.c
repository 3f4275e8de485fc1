// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/api/containerd/message.h"
#include "engine/metadata/blob.h"
#include "engine/rpc/service.h"
#include "proto/containerd/events/content.pb-c.h"
#include "proto/containerd/services/content.methods.h"
#include "proto/containerd/services/content.pb-c.h"

/* containerd.services.content.v1.Content; writing is write.c. */
CONTAINERD_CONTENT_METHODS(RPC_PROTOTYPE)
RPC_SERVICE(containerd_content_service, CONTAINERD_CONTENT_METHODS,
    containerd__content__content__descriptor);

enum {
    LIST_CHUNK = 100,
    READ_CHUNK = 512 * 1024
};

static Containerd__Content__Info *encode(RpcCall *call, const MetadataRecord *record) {
    Containerd__Content__Info *info = message_new(call, &containerd__content__info__descriptor);
    info->digest = message_text(call, record->name);
    info->size = record->size.value;
    info->created_at = message_time(call, record->created.value);
    info->updated_at = message_time(call, record->updated.value);
    info->labels = message_map(call, &record->labels,
        &containerd__content__info__labels_entry__descriptor, &info->n_labels);
    return info;
}

static int find(const Caller *caller, const char *digest, MetadataRecord **ret, Error *err) {
    TRY(digest_check(digest, err));
    return records_find(caller, METADATA_CONTENT, digest, ret, err);
}

int api_containerd_content_info(RpcCall *call, const Containerd__Content__InfoRequest *request,
    Containerd__Content__InfoResponse *response, Error *err) {
    Caller caller;
    autoptr(MetadataRecord) record = NULL;
    TRY(caller_of(call, &caller, err));
    TRY(find(&caller, request->digest, &record, err));
    response->info = encode(call, record);
    return 0;
}

int api_containerd_content_update(RpcCall *call, const Containerd__Content__UpdateRequest *request,
    Containerd__Content__UpdateResponse *response, Error *err) {
    static char *all[] = {"labels", NULL};
    Caller caller;
    autoptr(MetadataRecord) record = NULL;
    TRY(caller_of(call, &caller, err));
    if (!request->info)
        return error_set(err, ERROR_INVALID, "info is missing: invalid argument");
    TRY(digest_check(request->info->digest, err));
    RecordChange change = {
        .labels = message_take_map(call, request->info->labels, request->info->n_labels)};
    record_change_mask(&change, request->update_mask, all);
    TRY(metadata_update(caller.services->metadata, METADATA_CONTENT, caller.space,
        request->info->digest, record_apply, &change, &record, err));
    response->info = encode(call, record);
    return 0;
}

static const char *content_field(const void *object, char *const *path, size_t n) {
    const MetadataRecord *record = object;
    if (n == 1 && text_equal(path[0], "digest"))
        return record->name;
    return n > 1 && text_equal(path[0], "labels") ? filter_find(&record->labels, path + 1, n - 1)
                                                  : NULL;
}

int api_containerd_content_list(RpcCall *call,
    const Containerd__Content__ListContentRequest *request,
    Containerd__Content__ListContentResponse *response, Error *err) {
    Caller caller;
    autodone(MetadataRecords) records = {};
    const RecordQuery query = {
        METADATA_CONTENT, request->filters, request->n_filters, content_field};
    TRY(caller_of(call, &caller, err));
    TRY(records_query(&caller, &query, &records, err));
    Containerd__Content__Info *info[LIST_CHUNK];
    Containerd__Content__ListContentResponse message;
    containerd__content__list_content_response__init(&message);
    message.info = info;
    for (size_t i = 0; i < records.n; i++) {
        info[message.n_info++] = encode(call, records.item[i]);
        if (message.n_info == LIST_CHUNK || i + 1 == records.n) {
            TRY(rpc_call_send(call, &message.base, err));
            message.n_info = 0;
        }
    }
    return 0;
}

int api_containerd_content_delete(RpcCall *call,
    const Containerd__Content__DeleteContentRequest *request, Google__Protobuf__Empty *response,
    Error *err) {
    Caller caller;
    TRY(caller_of(call, &caller, err));
    TRY(digest_check(request->digest, err));
    TRY(metadata_remove(
        caller.services->metadata, METADATA_CONTENT, caller.space, request->digest, err));
    Containerd__Events__ContentDelete event;
    containerd__events__content_delete__init(&event);
    event.digest = request->digest;
    message_publish(&caller, "/content/delete", &event.base);
    return images_sweep(caller.services->images, err);
}

static int send_file(RpcCall *call, int fd, int64_t offset, int64_t end, Error *err) {
    autofree uint8_t *buffer = memory_new(READ_CHUNK);
    Containerd__Content__ReadContentResponse message;
    containerd__content__read_content_response__init(&message);
    while (offset < end) {
        size_t wanted = end - offset < READ_CHUNK ? (size_t)(end - offset) : READ_CHUNK;
        ssize_t n = pread(fd, buffer, wanted, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set_errno(err, n < 0 ? errno : EIO, "cannot read content");
        message.offset = offset;
        message.data = (ProtobufCBinaryData){(size_t)n, buffer};
        TRY(rpc_call_send(call, &message.base, err));
        offset += n;
    }
    return 0;
}

int api_containerd_content_read(RpcCall *call,
    const Containerd__Content__ReadContentRequest *request,
    Containerd__Content__ReadContentResponse *response, Error *err) {
    Caller caller;
    autoptr(MetadataRecord) record = NULL;
    TRY(caller_of(call, &caller, err));
    TRY(find(&caller, request->digest, &record, err));
    autoclose int fd = -1;
    uint64_t size;
    TRY(content_open_blob(caller.services->content, request->digest, &fd, &size, err));
    int64_t offset = request->offset > 0 ? request->offset : 0, end = (int64_t)size;
    if (offset > end)
        return error_set(
            err, ERROR_RANGE, "read past object length %" PRIu64 " bytes: out of range", size);
    if (request->size > 0 && request->size < end - offset)
        end = offset + request->size;
    return send_file(call, fd, offset, end, err);
}

static Containerd__Content__Status *encode_status(
    RpcCall *call, const Caller *caller, const MetadataRecord *ingest) {
    autodone(BlobStatus) status = {};
    blob_status(caller->services->content, ingest, &status);
    Containerd__Content__Status *message =
        message_new(call, &containerd__content__status__descriptor);
    message->started_at = message_time(call, status.started);
    message->updated_at = message_time(call, status.updated);
    message->ref = message_text(call, status.reference);
    message->offset = (int64_t)status.offset;
    message->total = status.total;
    message->expected = message_text(call, status.expected);
    return message;
}

int api_containerd_content_status(RpcCall *call, const Containerd__Content__StatusRequest *request,
    Containerd__Content__StatusResponse *response, Error *err) {
    Caller caller;
    autoptr(MetadataRecord) ingest = NULL;
    TRY(caller_of(call, &caller, err));
    TRY(metadata_find(
        caller.services->metadata, METADATA_INGEST, caller.space, request->ref, &ingest, err));
    response->status = encode_status(call, &caller, ingest);
    return 0;
}

static const char *ingest_field(const void *object, char *const *path, size_t n) {
    const MetadataRecord *record = object;
    return n == 1 && text_equal(path[0], "ref") ? record->name : NULL;
}

int api_containerd_content_list_statuses(RpcCall *call,
    const Containerd__Content__ListStatusesRequest *request,
    Containerd__Content__ListStatusesResponse *response, Error *err) {
    Caller caller;
    autodone(MetadataRecords) records = {};
    const RecordQuery query = {METADATA_INGEST, request->filters, request->n_filters, ingest_field};
    TRY(caller_of(call, &caller, err));
    TRY(records_query(&caller, &query, &records, err));
    response->statuses = rpc_call_alloc(call, (records.n + 1) * sizeof(*response->statuses));
    for (size_t i = 0; i < records.n; i++)
        response->statuses[response->n_statuses++] = encode_status(call, &caller, records.item[i]);
    return 0;
}

int api_containerd_content_abort(RpcCall *call, const Containerd__Content__AbortRequest *request,
    Google__Protobuf__Empty *response, Error *err) {
    Caller caller;
    TRY(caller_of(call, &caller, err));
    return blob_abort(
        caller.services->metadata, caller.services->content, caller.space, request->ref, err);
}
