// SPDX-License-Identifier: Apache-2.0
#include "engine/api/containerd/message.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/metadata/check.h"
#include "engine/metadata/collect.h"
#include "engine/metadata/own.h"

/* What protobuf-c makes of any map<string, string>'s entries. */
typedef struct MapEntry {
    ProtobufCMessage base;
    char *key, *value;
} MapEntry;

int caller_of(RpcCall *call, Caller *ret, Error *err) {
    const char *space = rpc_call_header(call, "containerd-namespace");
    if (text_is_empty(space))
        return error_set(err, ERROR_STATE, "namespace is required: failed precondition");
    TRY(check_identifier(space, err));
    *ret = (Caller){rpc_call_user(call), space, rpc_call_header(call, "containerd-lease")};
    return 0;
}

int caller_use(RpcCall *call, Caller *caller, const char *snapshotter, Error *err) {
    const char *name;
    for (size_t i = 0; (name = snapshots_offer(caller->services->trees.snapshots, i)); i++) {
        if (!text_equal(snapshotter, name))
            continue;
        Trees *trees = rpc_call_alloc(call, sizeof(*trees));
        *trees = caller->services->trees;
        trees->snapshotter = name;
        caller->trees = trees;
        return 0;
    }
    return error_set(
        err, ERROR_INVALID, "snapshotter not loaded: %.100s: invalid argument", snapshotter);
}

void *message_new(RpcCall *call, const ProtobufCMessageDescriptor *type) {
    ProtobufCMessage *message = rpc_call_alloc(call, type->sizeof_message);
    protobuf_c_message_init(type, message);
    return message;
}

char *message_text(RpcCall *call, const char *text) {
    return rpc_call_copy(call, text ? text : "");
}

JsonMap message_take_map(RpcCall *call, void *entries, size_t n) {
    MapEntry **entry = entries;
    JsonMap map = {
        .n = n,
        .key = rpc_call_alloc(call, (n + 1) * sizeof(char *)),
        .value = rpc_call_alloc(call, (n + 1) * sizeof(char *)),
    };
    for (size_t i = 0; i < n; i++) {
        map.key[i] = entry[i]->key;
        map.value[i] = entry[i]->value;
    }
    return map;
}

void *message_map(
    RpcCall *call, const JsonMap *map, const ProtobufCMessageDescriptor *type, size_t *ret_n) {
    MapEntry **entry = rpc_call_alloc(call, (map->n + 1) * sizeof(*entry));
    for (size_t i = 0; i < map->n; i++) {
        entry[i] = message_new(call, type);
        entry[i]->key = rpc_call_copy(call, map->key[i]);
        entry[i]->value = rpc_call_copy(call, map->value[i]);
    }
    *ret_n = map->n;
    return entry;
}

Google__Protobuf__Timestamp *message_time(RpcCall *call, int64_t time) {
    Google__Protobuf__Timestamp *stamp =
        message_new(call, &google__protobuf__timestamp__descriptor);
    stamp->seconds = time / TIME_SECOND;
    stamp->nanos = (int32_t)(time % TIME_SECOND);
    return stamp;
}

Containerd__Types__Descriptor *message_descriptor(RpcCall *call, const MetadataRecord *record) {
    Containerd__Types__Descriptor *descriptor =
        message_new(call, &containerd__types__descriptor__descriptor);
    descriptor->media_type = message_text(call, record->media_type);
    descriptor->digest = message_text(call, record->digest);
    descriptor->size = record->size.value;
    descriptor->annotations = message_map(call, &record->annotations,
        &containerd__types__descriptor__annotations_entry__descriptor, &descriptor->n_annotations);
    return descriptor;
}

static bool is_text(const ProtobufCBinaryData *data) {
    for (size_t i = 0; i < data->len; i++)
        if (data->data[i] >= 0x80 || data->data[i] == 0)
            return false;
    return true;
}

void message_take_any_to(const Google__Protobuf__Any *any, MetadataAny *ret) {
    ret->type = text_copy(any->type_url);
    if (is_text(&any->value)) {
        ret->text = text_copy_n((const char *)any->value.data, any->value.len);
        return;
    }
    autodone(Text) hex = {};
    for (size_t i = 0; i < any->value.len; i++)
        text_append_format(&hex, "%02x", any->value.data[i]);
    ret->hex = text_take(&hex);
}

MetadataAny *message_take_any(const Google__Protobuf__Any *any) {
    if (!any)
        return NULL;
    MetadataAny *kept = new (MetadataAny);
    message_take_any_to(any, kept);
    return kept;
}

static uint8_t nibble(char c) {
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

Google__Protobuf__Any *message_any(RpcCall *call, const MetadataAny *kept) {
    if (!kept)
        return NULL;
    Google__Protobuf__Any *any = message_new(call, &google__protobuf__any__descriptor);
    any->type_url = message_text(call, kept->type);
    const char *hex = kept->hex;
    size_t n = hex ? strlen(hex) / 2 : strlen(kept->text ? kept->text : "");
    any->value.len = n;
    any->value.data = rpc_call_alloc(call, n + 1);
    if (!hex && n > 0)
        memcpy(any->value.data, kept->text, n);
    for (size_t i = 0; hex && i < n; i++)
        any->value.data[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    return any;
}

void record_change_mask(RecordChange *change, const Google__Protobuf__FieldMask *mask, char **all) {
    bool given = mask && mask->n_paths > 0;
    change->path = given ? mask->paths : all;
    change->n = given ? mask->n_paths : texts_count(all);
}

int record_apply(MetadataRecord *record, void *user, Error *err) {
    const RecordChange *change = user;
    for (size_t i = 0; i < change->n; i++) {
        const char *path = change->path[i];
        if (labels_apply(&record->labels, &change->labels, path))
            continue;
        if (!change->other || change->other(record, path, change) < 0)
            return error_set(err, ERROR_INVALID,
                "cannot update \"%.100s\" field on %s \"%.200s\": invalid argument", path,
                metadata_kind_name(record->kind), record->name);
    }
    return check_labels(&record->labels, err);
}

static bool sees_own(const Caller *caller) {
    return text_equal(caller->space, METADATA_OWN_SPACE);
}

int records_find(
    const Caller *caller, MetadataKind kind, const char *name, MetadataRecord **ret, Error *err) {
    int code = metadata_find(caller->services->metadata, kind, caller->space, name, ret, err);
    if (code == ERROR_NOT_FOUND && sees_own(caller))
        return own_find(caller->services->images, kind, name, ret, err);
    return code;
}

int records_query(
    const Caller *caller, const RecordQuery *query, MetadataRecords *ret, Error *err) {
    autoptr(Filter) filter = NULL;
    TRY(filter_parse(query->filters, query->filters_n, &filter, err));
    MetadataRecords records;
    metadata_list(caller->services->metadata, query->kind, caller->space, &records);
    if (sees_own(caller))
        own_list(caller->services->images, query->kind, &records);
    *ret = (MetadataRecords){.item = records.item};
    for (size_t i = 0; i < records.n; i++) {
        if (filter_matches(filter, query->field, records.item[i]))
            ret->item[ret->n++] = records.item[i];
        else
            metadata_record_unref(records.item[i]);
    }
    return 0;
}

void message_publish(const Caller *caller, const char *topic, const ProtobufCMessage *event) {
    size_t size = protobuf_c_message_get_packed_size(event);
    autofree uint8_t *payload = memory_new(size + 1);
    protobuf_c_message_pack(event, payload);
    event_publish(caller->services->events, &(Event){.type = topic,
                                                .action = event->descriptor->name,
                                                .id = caller->space,
                                                .payload = payload,
                                                .payload_size = size});
}

int collect_garbage(const Caller *caller, bool now, Error *err) {
    const ContainerdServices *services = caller->services;
    if (!now && !metadata_wants_collection(services->metadata))
        return 0;
    TRY(metadata_collect(services->metadata, services->content, services->trees.snapshots, err));
    return images_sweep(services->images, err);
}
