// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static const char *const kind_names[] = {
    [METADATA_CONTAINER] = "container",
    [METADATA_CONTENT] = "content",
    [METADATA_IMAGE] = "image",
    [METADATA_INGEST] = "ingest",
    [METADATA_LEASE] = "lease",
    [METADATA_NAMESPACE] = "namespace",
};
_Static_assert(array_size(kind_names) == METADATA_KINDS, "a name for each kind");

const char *metadata_kind_name(MetadataKind kind) {
    return kind_names[kind];
}

MetadataKind metadata_kind_find(const char *name, size_t n) {
    size_t i = 0;
    while (i < METADATA_KINDS && (strncmp(kind_names[i], name, n) != 0 || kind_names[i][n] != '\0'))
        i++;
    return (MetadataKind)i;
}

#define T MetadataAny
static const JsonField any_fields[] = {
    {"type", JSON_TEXT, JSON_AT(type)},
    {"text", JSON_TEXT, JSON_AT(text)},
    {"hex", JSON_TEXT, JSON_AT(hex)},
    {},
};
const JsonType metadata_any_type = {sizeof(T), any_fields};
#undef T

#define T MetadataContainer
static const JsonField container_fields[] = {
    {"image", JSON_TEXT, JSON_AT(image)},
    {"runtime", JSON_TEXT, JSON_AT(runtime)},
    {"snapshotter", JSON_TEXT, JSON_AT(snapshotter)},
    {"snapshotKey", JSON_TEXT, JSON_AT(snapshot_key)},
    {"sandbox", JSON_TEXT, JSON_AT(sandbox)},
    {"options", JSON_OBJECT, JSON_AT(options), &metadata_any_type},
    {"spec", JSON_OBJECT, JSON_AT(spec), &metadata_any_type},
    {"extensions", JSON_OBJECT_MAP, JSON_AT(extensions), &metadata_any_type},
    {},
};
const JsonType metadata_container_type = {sizeof(T), container_fields};
#undef T

#define T MetadataRecord
static const JsonField record_fields[] = {
    {"labels", JSON_MAP, JSON_AT(labels)},
    {"created", JSON_INT, JSON_AT(created)},
    {"updated", JSON_INT, JSON_AT(updated)},
    {"mediaType", JSON_TEXT, JSON_AT(media_type)},
    {"digest", JSON_TEXT, JSON_AT(digest)},
    {"size", JSON_INT, JSON_AT(size)},
    {"annotations", JSON_MAP, JSON_AT(annotations)},
    {"resources", JSON_TEXTS, JSON_AT(resources)},
    {"container", JSON_OBJECT, JSON_AT(container), &metadata_container_type},
    {},
};
const JsonType metadata_record_type = {sizeof(T), record_fields};
#undef T

static void give_key(
    MetadataRecord *record, MetadataKind kind, const char *space, const char *name) {
    atomic_init(&record->references, 1);
    record->kind = kind;
    record->space = text_copy(space);
    record->name = text_copy(name);
    record->key = text_format("%s/%s/%s", metadata_kind_name(kind), space, name);
}

MetadataRecord *metadata_record_new(MetadataKind kind, const char *space, const char *name) {
    MetadataRecord *record = new (MetadataRecord);
    give_key(record, kind, space, name);
    return record;
}

int metadata_record_decode(const char *key, const char *json, MetadataRecord **ret, Error *err) {
    MetadataRecord *record = new (MetadataRecord);
    const char *space = strchr(key, '/');
    const char *name = space ? strchr(space + 1, '/') : NULL;
    MetadataKind kind = name ? metadata_kind_find(key, (size_t)(space - key)) : METADATA_KINDS;
    int code = kind == METADATA_KINDS
                   ? error_set(err, ERROR_CORRUPT, "record '%.200s' has no kind", key)
                   : json_decode(&metadata_record_type, json, strlen(json), record, err);
    if (code < 0) {
        free(record);
        return code;
    }
    autofree char *space_copy = text_copy_n(space + 1, (size_t)(name - space - 1));
    give_key(record, kind, space_copy, name + 1);
    *ret = record;
    return 0;
}

MetadataRecord *metadata_record_copy(const MetadataRecord *record) {
    MetadataRecord *copy;
    autofree char *json = json_encode(&metadata_record_type, record, 0);
    Error impossible;
    if (metadata_record_decode(record->key, json, &copy, &impossible) < 0)
        abort();
    return copy;
}

MetadataRecord *metadata_record_ref(MetadataRecord *record) {
    atomic_fetch_add(&record->references, 1);
    return record;
}

void metadata_record_unref(MetadataRecord *record) {
    if (!record || atomic_fetch_sub(&record->references, 1) > 1)
        return;
    free(record->space);
    free(record->name);
    free(record->key);
    json_done(&metadata_record_type, record);
    free(record);
}

void metadata_records_done(MetadataRecords *records) {
    for (size_t i = 0; i < records->n; i++)
        metadata_record_unref(records->item[i]);
    free(records->item);
    *records = (MetadataRecords){};
}
