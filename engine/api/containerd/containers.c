// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"
#include "base/text.h"
#include "engine/api/containerd/container.h"
#include "engine/metadata/check.h"
#include "engine/rpc/service.h"
#include "proto/containerd/events/container.pb-c.h"
#include "proto/containerd/services/containers.methods.h"

/* containerd.services.containers.v1.Containers: records; what runs are tasks (tasks.c). */
CONTAINERD_CONTAINERS_METHODS(RPC_PROTOTYPE)
RPC_SERVICE(containerd_containers_service, CONTAINERD_CONTAINERS_METHODS,
    containerd__containers__containers__descriptor);

typedef Containerd__Containers__Container Message;

static Message *encode(RpcCall *call, const MetadataRecord *record) {
    Message *message = message_new(call, &containerd__containers__container__descriptor);
    container_encode(call, record, message);
    return message;
}

int api_containerd_containers_get(RpcCall *call,
    const Containerd__Containers__GetContainerRequest *request,
    Containerd__Containers__GetContainerResponse *response, Error *err) {
    Caller caller;
    autoptr(MetadataRecord) record = NULL;
    TRY(caller_of(call, &caller, err));
    TRY(records_find(&caller, METADATA_CONTAINER, request->id, &record, err));
    response->container = encode(call, record);
    return 0;
}

static const char *container_field(const void *object, char *const *path, size_t n) {
    const MetadataRecord *record = object;
    const MetadataContainer *container = record->container;
    if (n == 1)
        return text_equal(path[0], "id")            ? record->name
               : text_equal(path[0], "image")       ? container->image
               : text_equal(path[0], "snapshotter") ? container->snapshotter
               : text_equal(path[0], "snapshotkey") ? container->snapshot_key
               : text_equal(path[0], "sandbox")     ? container->sandbox
                                                    : NULL;
    if (text_equal(path[0], "runtime"))
        return text_equal(path[1], "name") ? container->runtime : NULL;
    return text_equal(path[0], "labels") ? filter_find(&record->labels, path + 1, n - 1) : NULL;
}

static int query(RpcCall *call, const Containerd__Containers__ListContainersRequest *request,
    MetadataRecords *ret, Error *err) {
    Caller caller;
    const RecordQuery all = {
        METADATA_CONTAINER, request->filters, request->n_filters, container_field};
    TRY(caller_of(call, &caller, err));
    return records_query(&caller, &all, ret, err);
}

int api_containerd_containers_list(RpcCall *call,
    const Containerd__Containers__ListContainersRequest *request,
    Containerd__Containers__ListContainersResponse *response, Error *err) {
    autodone(MetadataRecords) records = {};
    TRY(query(call, request, &records, err));
    response->containers = rpc_call_alloc(call, (records.n + 1) * sizeof(Message *));
    for (size_t i = 0; i < records.n; i++)
        response->containers[response->n_containers++] = encode(call, records.item[i]);
    return 0;
}

int api_containerd_containers_list_stream(RpcCall *call,
    const Containerd__Containers__ListContainersRequest *request,
    Containerd__Containers__ListContainerMessage *response, Error *err) {
    autodone(MetadataRecords) records = {};
    TRY(query(call, request, &records, err));
    for (size_t i = 0; i < records.n; i++) {
        Containerd__Containers__ListContainerMessage message;
        containerd__containers__list_container_message__init(&message);
        message.container = encode(call, records.item[i]);
        TRY(rpc_call_send(call, &message.base, err));
    }
    return 0;
}

int api_containerd_containers_create(RpcCall *call,
    const Containerd__Containers__CreateContainerRequest *request,
    Containerd__Containers__CreateContainerResponse *response, Error *err) {
    Caller caller;
    const Message *container = request->container;
    TRY(caller_of(call, &caller, err));
    TRY(container_check(container, err));
    JsonMap labels = message_take_map(call, container->labels, container->n_labels);
    TRY(check_labels(&labels, err));
    autoptr(MetadataRecord) record =
        metadata_record_new(METADATA_CONTAINER, caller.space, container->id);
    labels_copy(&record->labels, &labels);
    record->container = new (MetadataContainer);
    container_take_all(record->container, container);
    TRY(metadata_create(caller.services->metadata, metadata_record_ref(record), err));
    response->container = encode(call, record);
    Containerd__Events__ContainerCreate event;
    Containerd__Events__ContainerCreate__Runtime runtime;
    containerd__events__container_create__init(&event);
    containerd__events__container_create__runtime__init(&runtime);
    event.id = container->id;
    event.image = container->image;
    runtime.name = container->runtime->name;
    event.runtime = &runtime;
    message_publish(&caller, "/containers/create", &event.base);
    return 0;
}

static int change_container(MetadataRecord *record, const char *path, const RecordChange *change) {
    return container_take(record->container, change->message, path) ? 0 : -1;
}

int api_containerd_containers_update(RpcCall *call,
    const Containerd__Containers__UpdateContainerRequest *request,
    Containerd__Containers__UpdateContainerResponse *response, Error *err) {
    static char *all[] = {"labels", "spec", "extensions", "image", "snapshotkey", NULL};
    Caller caller;
    autoptr(MetadataRecord) record = NULL;
    const Message *container = request->container;
    TRY(caller_of(call, &caller, err));
    if (!container)
        return error_set(err, ERROR_INVALID, "container is missing: invalid argument");
    RecordChange change = {
        .labels = message_take_map(call, container->labels, container->n_labels),
        .other = change_container,
        .message = container,
    };
    record_change_mask(&change, request->update_mask, all);
    TRY(metadata_update(caller.services->metadata, METADATA_CONTAINER, caller.space, container->id,
        record_apply, &change, &record, err));
    response->container = encode(call, record);
    Containerd__Events__ContainerUpdate event;
    containerd__events__container_update__init(&event);
    event.id = container->id;
    event.image = container->image;
    event.snapshot_key = container->snapshot_key;
    message_publish(&caller, "/containers/update", &event.base);
    return 0;
}

int api_containerd_containers_delete(RpcCall *call,
    const Containerd__Containers__DeleteContainerRequest *request,
    Google__Protobuf__Empty *response, Error *err) {
    Caller caller;
    TRY(caller_of(call, &caller, err));
    TRY(metadata_remove(
        caller.services->metadata, METADATA_CONTAINER, caller.space, request->id, err));
    Containerd__Events__ContainerDelete event;
    containerd__events__container_delete__init(&event);
    event.id = request->id;
    message_publish(&caller, "/containers/delete", &event.base);
    return collect_garbage(&caller, false, err);
}
