// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdatomic.h>

#include "base/cleanup.h"
#include "base/json.h"

/* What clients of containerd's services keep with the engine: labelled records by kind, namespace
 * and name. A record does not change: an update puts a new one in its place, so that readers hold
 * on to what they have found without a lock. */
typedef enum MetadataKind {
    METADATA_CONTAINER, /* name: container id */
    METADATA_CONTENT,   /* name: digest; the blob itself is shared by all namespaces */
    METADATA_IMAGE,     /* name: whatever the client calls it */
    METADATA_INGEST,    /* name: the client's reference to a blob being written */
    METADATA_LEASE,
    METADATA_NAMESPACE, /* in the namespace "" */
    METADATA_KINDS,
} MetadataKind;

/* google.protobuf.Any, readable in the store: text where it is text, else hexadecimal. */
typedef struct MetadataAny {
    char *type, *text, *hex;
} MetadataAny;

typedef struct MetadataContainer {
    char *image, *runtime, *snapshotter, *snapshot_key, *sandbox;
    MetadataAny *options, *spec;
    JsonObjectMap extensions; /* of MetadataAny */
} MetadataContainer;

typedef struct MetadataRecord {
    atomic_uint references;
    MetadataKind kind;
    char *space, *name; /* space: the namespace */
    char *key;          /* "kind/space/name", the store's */
    JsonMap labels;
    JsonInt created, updated;
    char *media_type, *digest; /* image: what it points at; ingest: the digest to come */
    JsonInt size;              /* image, content, ingest: bytes */
    JsonMap annotations;       /* image */
    JsonTexts resources;       /* lease: "type id" */
    MetadataContainer *container;
} MetadataRecord;

const char *metadata_kind_name(MetadataKind kind);
MetadataKind metadata_kind_find(const char *name, size_t n); /* METADATA_KINDS: none */

extern const JsonType metadata_record_type, metadata_any_type, metadata_container_type;

MetadataRecord *metadata_record_new(MetadataKind kind, const char *space, const char *name);
int metadata_record_decode(const char *key, const char *json, MetadataRecord **ret, Error *err);
MetadataRecord *metadata_record_copy(const MetadataRecord *record);
MetadataRecord *metadata_record_ref(MetadataRecord *record);
void metadata_record_unref(MetadataRecord *record);
CLEANUP_DEFINE(MetadataRecord, metadata_record_unref)

typedef struct MetadataRecords {
    size_t n;
    MetadataRecord **item; /* references, sorted by name */
} MetadataRecords;
void metadata_records_done(MetadataRecords *records);
CLEANUP_DEFINE_DONE(MetadataRecords, metadata_records_done)
