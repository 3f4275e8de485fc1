// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/api/containerd/message.h"
#include "engine/metadata/check.h"
#include "engine/metadata/lease.h"
#include "engine/rpc/service.h"
#include "proto/containerd/services/leases.methods.h"
#include "proto/containerd/services/leases.pb-c.h"

/* containerd.services.leases.v1.Leases. */
CONTAINERD_LEASES_METHODS(RPC_PROTOTYPE)
RPC_SERVICE(
    containerd_leases_service, CONTAINERD_LEASES_METHODS, containerd__leases__leases__descriptor);

enum {
    LEASE_ID_SIZE = 17 /* of one that the caller leaves to us */
};

static Containerd__Leases__Lease *encode(RpcCall *call, const MetadataRecord *record) {
    Containerd__Leases__Lease *lease = message_new(call, &containerd__leases__lease__descriptor);
    lease->id = message_text(call, record->name);
    lease->created_at = message_time(call, record->created.value);
    lease->labels = message_map(call, &record->labels,
        &containerd__leases__lease__labels_entry__descriptor, &lease->n_labels);
    return lease;
}

int api_containerd_leases_create(RpcCall *call, const Containerd__Leases__CreateRequest *request,
    Containerd__Leases__CreateResponse *response, Error *err) {
    Caller caller;
    TRY(caller_of(call, &caller, err));
    char own[LEASE_ID_SIZE], *id = text_is_empty(request->id) ? own : request->id;
    text_random_hex(own, (sizeof(own) - 1) / 2);
    TRY(check_name("lease id", id, err));
    JsonMap labels = message_take_map(call, request->labels, request->n_labels);
    TRY(check_labels(&labels, err));
    autoptr(MetadataRecord) record = metadata_record_new(METADATA_LEASE, caller.space, id);
    labels_copy(&record->labels, &labels);
    TRY(metadata_create(caller.services->metadata, metadata_record_ref(record), err));
    response->lease = encode(call, record);
    return 0;
}

int api_containerd_leases_delete(RpcCall *call, const Containerd__Leases__DeleteRequest *request,
    Google__Protobuf__Empty *response, Error *err) {
    Caller caller;
    TRY(caller_of(call, &caller, err));
    TRY(metadata_remove(caller.services->metadata, METADATA_LEASE, caller.space, request->id, err));
    return collect_garbage(&caller, request->sync, err);
}

static const char *lease_field(const void *object, char *const *path, size_t n) {
    const MetadataRecord *record = object;
    if (n == 1 && text_equal(path[0], "id"))
        return record->name;
    return n > 1 && text_equal(path[0], "labels") ? filter_find(&record->labels, path + 1, n - 1)
                                                  : NULL;
}

int api_containerd_leases_list(RpcCall *call, const Containerd__Leases__ListRequest *request,
    Containerd__Leases__ListResponse *response, Error *err) {
    Caller caller;
    autodone(MetadataRecords) records = {};
    const RecordQuery query = {METADATA_LEASE, request->filters, request->n_filters, lease_field};
    TRY(caller_of(call, &caller, err));
    TRY(records_query(&caller, &query, &records, err));
    response->leases = rpc_call_alloc(call, (records.n + 1) * sizeof(*response->leases));
    for (size_t i = 0; i < records.n; i++)
        response->leases[response->n_leases++] = encode(call, records.item[i]);
    return 0;
}

typedef int Change(Metadata *metadata, const char *space, const char *lease, const char *type,
    const char *id, Error *err);

static int change(RpcCall *call, const char *lease, const Containerd__Leases__Resource *resource,
    Change *how, Error *err) {
    Caller caller;
    TRY(caller_of(call, &caller, err));
    if (!resource || text_is_empty(lease))
        return error_set(err, ERROR_INVALID, "lease or resource is missing: invalid argument");
    return how(caller.services->metadata, caller.space, lease, resource->type, resource->id, err);
}

int api_containerd_leases_add_resource(RpcCall *call,
    const Containerd__Leases__AddResourceRequest *request, Google__Protobuf__Empty *response,
    Error *err) {
    return change(call, request->id, request->resource, lease_add, err);
}

int api_containerd_leases_delete_resource(RpcCall *call,
    const Containerd__Leases__DeleteResourceRequest *request, Google__Protobuf__Empty *response,
    Error *err) {
    return change(call, request->id, request->resource, lease_remove, err);
}

int api_containerd_leases_list_resources(RpcCall *call,
    const Containerd__Leases__ListResourcesRequest *request,
    Containerd__Leases__ListResourcesResponse *response, Error *err) {
    Caller caller;
    autoptr(MetadataRecord) lease = NULL;
    TRY(caller_of(call, &caller, err));
    TRY(metadata_find(
        caller.services->metadata, METADATA_LEASE, caller.space, request->id, &lease, err));
    size_t n = lease->resources.n;
    response->resources = rpc_call_alloc(call, (n + 1) * sizeof(*response->resources));
    for (; response->n_resources < n; response->n_resources++) {
        Containerd__Leases__Resource *resource =
            message_new(call, &containerd__leases__resource__descriptor);
        resource->type = message_text(call, lease->resources.item[response->n_resources]);
        resource->id = strchr(resource->type, ' ') + 1;
        resource->id[-1] = '\0';
        response->resources[response->n_resources] = resource;
    }
    return 0;
}
