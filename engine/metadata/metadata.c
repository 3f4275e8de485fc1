// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/metadata.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/metadata/private.h"

static int compare_with_record(const void *key, const void *item) {
    const MetadataRecord *const *record = item;
    return strcmp(key, (*record)->key);
}

/* The place of a key, or of the first one behind it. */
static size_t place_of(const Metadata *metadata, const char *key) {
    return array_place(
        key, metadata->record, metadata->n, sizeof *metadata->record, compare_with_record);
}

static MetadataRecord *find(const Metadata *metadata, const char *key) {
    size_t place = place_of(metadata, key);
    return place < metadata->n && text_equal(metadata->record[place]->key, key)
               ? metadata->record[place]
               : NULL;
}

/* Takes the record, in place of one with its key. */
static void keep(Metadata *metadata, MetadataRecord *record) {
    size_t place = place_of(metadata, record->key);
    if (place < metadata->n && text_equal(metadata->record[place]->key, record->key)) {
        metadata_record_unref(metadata->record[place]);
        metadata->record[place] = record;
        return;
    }
    array_insert(metadata->record, metadata->n, place, record);
}

int metadata_drop_locked(Metadata *metadata, const char *key, Error *err) {
    TRY(store_remove(metadata->store, STORE_METADATA, key, err));
    size_t place = place_of(metadata, key);
    metadata_record_unref(metadata->record[place]);
    array_remove(metadata->record, metadata->n, place);
    metadata->changes++;
    return 0;
}

int metadata_open(Store *store, Metadata **ret, Error *err) {
    autoptr(Metadata) metadata = new (Metadata);
    metadata->store = store;
    pthread_mutex_init(&metadata->mutex, NULL);
    autodone(StoreRecords) stored = {};
    TRY(store_list(store, STORE_METADATA, &stored, err));
    for (size_t i = 0; i < stored.n; i++) {
        MetadataRecord *record;
        TRY(metadata_record_decode(stored.item[i].key, stored.item[i].value, &record, err));
        keep(metadata, record);
    }
    *ret = take_ptr(&metadata);
    return 0;
}

void metadata_close(Metadata *metadata) {
    if (!metadata)
        return;
    metadata_records_done(&(MetadataRecords){metadata->n, metadata->record});
    pthread_mutex_destroy(&metadata->mutex);
    free(metadata);
}

static char *key_of(MetadataKind kind, const char *space, const char *name) {
    return text_format("%s/%s/%s", metadata_kind_name(kind), space, name);
}

static int missing(MetadataKind kind, const char *space, const char *name, Error *err) {
    if (kind == METADATA_CONTENT)
        return error_set(err, ERROR_NOT_FOUND, "content digest %.500s: not found", name);
    if (kind == METADATA_CONTAINER)
        return error_set(err, ERROR_NOT_FOUND,
            "container \"%.500s\" in namespace \"%s\": not found", name, space);
    return error_set(
        err, ERROR_NOT_FOUND, "%s \"%.500s\": not found", metadata_kind_name(kind), name);
}

int metadata_find(Metadata *metadata, MetadataKind kind, const char *space, const char *name,
    MetadataRecord **ret, Error *err) {
    autofree char *key = key_of(kind, space, name);
    pthread_mutex_lock(&metadata->mutex);
    MetadataRecord *record = find(metadata, key);
    if (record)
        *ret = metadata_record_ref(record);
    pthread_mutex_unlock(&metadata->mutex);
    return record ? 0 : missing(kind, space, name, err);
}

bool metadata_has(Metadata *metadata, MetadataKind kind, const char *space, const char *name) {
    Error ignored;
    autoptr(MetadataRecord) record = NULL;
    return metadata_find(metadata, kind, space, name, &record, &ignored) == 0;
}

void metadata_list(Metadata *metadata, MetadataKind kind, const char *space, MetadataRecords *ret) {
    autofree char *prefix =
        space ? key_of(kind, space, "") : text_format("%s/", metadata_kind_name(kind));
    *ret = (MetadataRecords){};
    pthread_mutex_lock(&metadata->mutex);
    for (size_t i = place_of(metadata, prefix);
         i < metadata->n && text_starts(metadata->record[i]->key, prefix); i++)
        array_append(ret->item, ret->n, metadata_record_ref(metadata->record[i]));
    pthread_mutex_unlock(&metadata->mutex);
}

static int save(Metadata *metadata, MetadataRecord *record, Error *err) {
    autofree char *json = json_encode(&metadata_record_type, record, 0);
    TRY(store_put(metadata->store, STORE_METADATA, record->key, json, err));
    keep(metadata, metadata_record_ref(record));
    metadata->changes++;
    return 0;
}

static int make_space(Metadata *metadata, const char *space, Error *err) {
    autofree char *key = key_of(METADATA_NAMESPACE, "", space);
    if (!*space || find(metadata, key))
        return 0;
    autoptr(MetadataRecord) record = metadata_record_new(METADATA_NAMESPACE, "", space);
    record->created = record->updated = (JsonInt){true, time_now()};
    return save(metadata, record, err);
}

int metadata_make_space(Metadata *metadata, const char *space, Error *err) {
    pthread_mutex_lock(&metadata->mutex);
    int code = make_space(metadata, space, err);
    pthread_mutex_unlock(&metadata->mutex);
    return code;
}

int metadata_create(Metadata *metadata, MetadataRecord *given, Error *err) {
    autoptr(MetadataRecord) record = given;
    JsonInt now = {true, time_now()};
    record->created = record->created.set ? record->created : now;
    record->updated = record->updated.set ? record->updated : now;
    pthread_mutex_lock(&metadata->mutex);
    int code = find(metadata, record->key)
                   ? error_set(err, ERROR_EXISTS, "%s \"%.500s\": already exists",
                         metadata_kind_name(record->kind), record->name)
                   : make_space(metadata, record->space, err);
    if (code == 0)
        code = save(metadata, record, err);
    pthread_mutex_unlock(&metadata->mutex);
    return code;
}

static int change_locked(
    Metadata *metadata, MetadataRecord *record, MetadataChange *change, void *user, Error *err) {
    record->updated = (JsonInt){true, time_now()};
    TRY(change(record, user, err));
    return save(metadata, record, err);
}

int metadata_update(Metadata *metadata, MetadataKind kind, const char *space, const char *name,
    MetadataChange *change, void *user, MetadataRecord **ret, Error *err) {
    autofree char *key = key_of(kind, space, name);
    autoptr(MetadataRecord) record = NULL;
    pthread_mutex_lock(&metadata->mutex);
    const MetadataRecord *old = find(metadata, key);
    record = old ? metadata_record_copy(old) : NULL;
    int code =
        old ? change_locked(metadata, record, change, user, err) : missing(kind, space, name, err);
    pthread_mutex_unlock(&metadata->mutex);
    if (code == 0 && ret)
        *ret = take_ptr(&record);
    return code;
}

int metadata_remove(
    Metadata *metadata, MetadataKind kind, const char *space, const char *name, Error *err) {
    autofree char *key = key_of(kind, space, name);
    pthread_mutex_lock(&metadata->mutex);
    int code = find(metadata, key) ? metadata_drop_locked(metadata, key, err)
                                   : missing(kind, space, name, err);
    pthread_mutex_unlock(&metadata->mutex);
    return code;
}
