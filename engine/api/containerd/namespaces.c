// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/api/containerd/message.h"
#include "engine/metadata/check.h"
#include "engine/metadata/space.h"
#include "engine/rpc/service.h"
#include "proto/containerd/events/namespace.pb-c.h"
#include "proto/containerd/services/namespaces.methods.h"
#include "proto/containerd/services/namespaces.pb-c.h"

/* containerd.services.namespaces.v1.Namespaces. */
CONTAINERD_NAMESPACES_METHODS(RPC_PROTOTYPE)
RPC_SERVICE(containerd_namespaces_service, CONTAINERD_NAMESPACES_METHODS,
    containerd__namespaces__namespaces__descriptor);

typedef Containerd__Namespaces__Namespace Message;

static Metadata *metadata_of(const RpcCall *call) {
    return ((const ContainerdServices *)rpc_call_user(call))->metadata;
}

static Message *encode(RpcCall *call, const MetadataRecord *record) {
    Message *message = message_new(call, &containerd__namespaces__namespace__descriptor);
    message->name = message_text(call, record->name);
    message->labels = message_map(call, &record->labels,
        &containerd__namespaces__namespace__labels_entry__descriptor, &message->n_labels);
    return message;
}

static int check(const Message *namespace, Error *err) {
    if (!namespace)
        return error_set(err, ERROR_INVALID, "namespace is missing: invalid argument");
    return check_identifier(namespace->name, err);
}

static void publish(RpcCall *call, const char *topic, ProtobufCMessage *event, const char *name) {
    const Caller caller = {.services = rpc_call_user(call), .space = name};
    message_publish(&caller, topic, event);
}

int api_containerd_namespaces_get(RpcCall *call,
    const Containerd__Namespaces__GetNamespaceRequest *request,
    Containerd__Namespaces__GetNamespaceResponse *response, Error *err) {
    autoptr(MetadataRecord) record = NULL;
    TRY(metadata_find(metadata_of(call), METADATA_NAMESPACE, "", request->name, &record, err));
    response->namespace_ = encode(call, record);
    return 0;
}

int api_containerd_namespaces_list(RpcCall *call,
    const Containerd__Namespaces__ListNamespacesRequest *request,
    Containerd__Namespaces__ListNamespacesResponse *response, Error *err) {
    autodone(MetadataRecords) records = {};
    metadata_list(metadata_of(call), METADATA_NAMESPACE, "", &records);
    response->namespaces = rpc_call_alloc(call, (records.n + 1) * sizeof(Message *));
    for (size_t i = 0; i < records.n; i++)
        response->namespaces[response->n_namespaces++] = encode(call, records.item[i]);
    return 0;
}

int api_containerd_namespaces_create(RpcCall *call,
    const Containerd__Namespaces__CreateNamespaceRequest *request,
    Containerd__Namespaces__CreateNamespaceResponse *response, Error *err) {
    Message *namespace = request->namespace_;
    TRY(check(namespace, err));
    JsonMap labels = message_take_map(call, namespace->labels, namespace->n_labels);
    TRY(check_labels(&labels, err));
    MetadataRecord *record = metadata_record_new(METADATA_NAMESPACE, "", namespace->name);
    labels_copy(&record->labels, &labels);
    TRY(metadata_create(metadata_of(call), record, err));
    response->namespace_ = namespace;
    Containerd__Events__NamespaceCreate event;
    containerd__events__namespace_create__init(&event);
    event.name = namespace->name;
    publish(call, "/namespaces/create", &event.base, namespace->name);
    return 0;
}

int api_containerd_namespaces_update(RpcCall *call,
    const Containerd__Namespaces__UpdateNamespaceRequest *request,
    Containerd__Namespaces__UpdateNamespaceResponse *response, Error *err) {
    static char *all[] = {"labels", NULL};
    const Message *namespace = request->namespace_;
    TRY(check(namespace, err));
    RecordChange change = {
        .labels = message_take_map(call, namespace->labels, namespace->n_labels)};
    record_change_mask(&change, request->update_mask, all);
    autoptr(MetadataRecord) record = NULL;
    TRY(metadata_update(metadata_of(call), METADATA_NAMESPACE, "", namespace->name, record_apply,
        &change, &record, err));
    response->namespace_ = encode(call, record);
    Containerd__Events__NamespaceUpdate event;
    containerd__events__namespace_update__init(&event);
    event.name = namespace->name;
    publish(call, "/namespaces/update", &event.base, namespace->name);
    return 0;
}

int api_containerd_namespaces_delete(RpcCall *call,
    const Containerd__Namespaces__DeleteNamespaceRequest *request,
    Google__Protobuf__Empty *response, Error *err) {
    const ContainerdServices *services = rpc_call_user(call);
    TRY(space_remove(&services->trees, request->name, err));
    Containerd__Events__NamespaceDelete event;
    containerd__events__namespace_delete__init(&event);
    event.name = request->name;
    publish(call, "/namespaces/delete", &event.base, request->name);
    return 0;
}
