// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/json.h"
#include "engine/api/containerd/services.h"
#include "engine/filter/filter.h"
#include "engine/metadata/record.h"
#include "engine/rpc/call.h"
#include "proto/containerd/types/descriptor.pb-c.h"
#include "proto/google/protobuf/any.pb-c.h"
#include "proto/google/protobuf/field_mask.pb-c.h"
#include "proto/google/protobuf/timestamp.pb-c.h"

/* What the messages of all services are made of. Everything made here lives as long as the call. */

/* Who calls: the namespace and the lease of the call's metadata. */
typedef struct Caller {
    const ContainerdServices *services;
    const char *space, *lease; /* lease NULL: none */
    const Trees *trees;        /* those of the snapshotter that the call names */
} Caller;

int caller_of(RpcCall *call, Caller *ret, Error *err); /* ERROR_STATE: no namespace */

/* The trees become those of a snapshotter. ERROR_INVALID: there is none of this name. */
int caller_use(RpcCall *call, Caller *caller, const char *snapshotter, Error *err);

void *message_new(RpcCall *call, const ProtobufCMessageDescriptor *type);
char *message_text(RpcCall *call, const char *text); /* NULL becomes "" */

/* The entries of a map<string, string>: to a map that borrows them, and back. */
JsonMap message_take_map(RpcCall *call, void *entries, size_t n);
void *message_map(
    RpcCall *call, const JsonMap *map, const ProtobufCMessageDescriptor *entry, size_t *ret_n);

Google__Protobuf__Timestamp *message_time(RpcCall *call, int64_t time);

/* What an image's record points at. */
Containerd__Types__Descriptor *message_descriptor(RpcCall *call, const MetadataRecord *record);

/* Any, as records keep it. */
MetadataAny *message_take_any(const Google__Protobuf__Any *any);
void message_take_any_to(const Google__Protobuf__Any *any, MetadataAny *ret);
Google__Protobuf__Any *message_any(RpcCall *call, const MetadataAny *any);

/* An update of a record: the paths of a field mask, or those of `all` when it has none. What is not
 * about labels is for `other`; without it, and where it returns ERROR_UNSUPPORTED, the path is
 * refused. A MetadataChange is record_apply. */
typedef struct RecordChange {
    char **path;
    size_t n;
    JsonMap labels; /* given */
    int (*other)(MetadataRecord *record, const char *path, const struct RecordChange *change);
    RpcCall *call;
    const void *message;
} RecordChange;
void record_change_mask(RecordChange *change, const Google__Protobuf__FieldMask *mask, char **all);
int record_apply(MetadataRecord *record, void *change, Error *err);

/* The records of a kind in the caller's namespace that one of the filters wants. */
int records_find(
    const Caller *caller, MetadataKind kind, const char *name, MetadataRecord **ret, Error *err);
typedef struct RecordQuery {
    MetadataKind kind;
    char **filters;
    size_t filters_n;
    FilterField *field; /* of a MetadataRecord */
} RecordQuery;
int records_query(const Caller *caller, const RecordQuery *query, MetadataRecords *ret, Error *err);

/* Tells listeners of the event service. */
void message_publish(const Caller *caller, const char *topic, const ProtobufCMessage *event);

/* After a removal: at once if the client wants to wait for it, else when enough has changed. */
int collect_garbage(const Caller *caller, bool now, Error *err);
