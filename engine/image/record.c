// SPDX-License-Identifier: Apache-2.0
#include "engine/image/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

#define T ImageRecord
static const JsonField image_fields[] = {
    {"manifest", JSON_TEXT, JSON_AT(manifest), .flags = JSON_REQUIRED},
    {"chain", JSON_TEXT, JSON_AT(chain)},
    {"parent", JSON_TEXT, JSON_AT(parent)},
    {"size", JSON_UINT, JSON_AT(size)},
    {"added", JSON_INT, JSON_AT(added)},
    {"used", JSON_INT, JSON_AT(used)},
    {"blobs", JSON_TEXTS, JSON_AT(blobs)},
    {},
};
const JsonType image_record_type = {sizeof(T), image_fields};
#undef T

#define T ReferenceRecord
static const JsonField reference_fields[] = {
    {"image", JSON_TEXT, JSON_AT(image), .flags = JSON_REQUIRED},
    {"target", JSON_TEXT, JSON_AT(target)},
    {"added", JSON_INT, JSON_AT(added)},
    {"blobs", JSON_TEXTS, JSON_AT(blobs)},
    {},
};
const JsonType reference_record_type = {sizeof(T), reference_fields};
#undef T

#define T LeaseRecord
static const JsonField lease_fields[] = {
    {"added", JSON_INT, JSON_AT(added)},
    {"blobs", JSON_TEXTS, JSON_AT(blobs)},
    {"chains", JSON_TEXTS, JSON_AT(chains)},
    {},
};
const JsonType lease_record_type = {sizeof(T), lease_fields};
#undef T

bool texts_have(const JsonTexts *texts, const char *text) {
    for (size_t i = 0; i < texts->n; i++)
        if (text_equal(texts->item[i], text))
            return true;
    return false;
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void texts_sort(JsonTexts *texts) {
    if (texts->n > 1)
        qsort(texts->item, texts->n, sizeof(*texts->item), compare_texts);
}

void image_record_free(ImageRecord *record) {
    free(record->id);
    json_done(&image_record_type, record);
    free(record);
}

void reference_record_free(ReferenceRecord *record) {
    free(record->name);
    json_done(&reference_record_type, record);
    free(record);
}

void lease_record_free(LeaseRecord *record) {
    free(record->name);
    json_done(&lease_record_type, record);
    free(record);
}

ImageRecord *record_find_image(const Images *images, const char *id) {
    for (size_t i = 0; i < images->images; i++)
        if (text_equal(images->image[i]->id, id))
            return images->image[i];
    return NULL;
}

ReferenceRecord *record_find_reference(const Images *images, const char *name) {
    for (size_t i = 0; i < images->references; i++)
        if (text_equal(images->reference[i]->name, name))
            return images->reference[i];
    return NULL;
}

LeaseRecord *record_find_lease(const Images *images, const char *name) {
    for (size_t i = 0; i < images->leases; i++)
        if (text_equal(images->lease[i]->name, name))
            return images->lease[i];
    return NULL;
}

void record_drop_image(Images *images, const char *id) {
    for (size_t i = 0; i < images->images; i++)
        if (text_equal(images->image[i]->id, id)) {
            image_record_free(images->image[i]);
            images->image[i] = images->image[--images->images];
            return;
        }
}

void record_drop_reference(Images *images, const char *name) {
    for (size_t i = 0; i < images->references; i++)
        if (text_equal(images->reference[i]->name, name)) {
            reference_record_free(images->reference[i]);
            images->reference[i] = images->reference[--images->references];
            return;
        }
}

void record_drop_lease(Images *images, const char *name) {
    for (size_t i = 0; i < images->leases; i++)
        if (text_equal(images->lease[i]->name, name)) {
            lease_record_free(images->lease[i]);
            images->lease[i] = images->lease[--images->leases];
            return;
        }
}

/* Capacity is not tracked: these lists change rarely. */
void record_keep_image(Images *images, ImageRecord *record) {
    record_drop_image(images, record->id);
    images->image = memory_resize(images->image, images->images + 1, sizeof(*images->image));
    images->image[images->images++] = record;
}

void record_keep_reference(Images *images, ReferenceRecord *record) {
    record_drop_reference(images, record->name);
    images->reference =
        memory_resize(images->reference, images->references + 1, sizeof(*images->reference));
    images->reference[images->references++] = record;
}

void record_keep_lease(Images *images, LeaseRecord *record) {
    record_drop_lease(images, record->name);
    images->lease = memory_resize(images->lease, images->leases + 1, sizeof(*images->lease));
    images->lease[images->leases++] = record;
}

static int load_one(Images *images, StoreTable table, const StoreRecord *row, Error *err) {
    size_t n = strlen(row->value);
    if (table == STORE_IMAGE) {
        autoptr(ImageRecord) record = new (ImageRecord);
        TRY(json_decode(&image_record_type, row->value, n, record, err));
        record->id = text_copy(row->key);
        record_keep_image(images, take_ptr(&record));
    } else if (table == STORE_REFERENCE) {
        autoptr(ReferenceRecord) record = new (ReferenceRecord);
        TRY(json_decode(&reference_record_type, row->value, n, record, err));
        record->name = text_copy(row->key);
        record_keep_reference(images, take_ptr(&record));
    } else {
        autoptr(LeaseRecord) record = new (LeaseRecord);
        TRY(json_decode(&lease_record_type, row->value, n, record, err));
        record->name = text_copy(row->key);
        record_keep_lease(images, take_ptr(&record));
    }
    return 0;
}

int records_load(Images *images, Error *err) {
    static const StoreTable tables[] = {STORE_IMAGE, STORE_REFERENCE, STORE_LEASE};
    for (size_t i = 0; i < array_size(tables); i++) {
        autodone(StoreRecords) rows = {};
        TRY(store_list(images->store, tables[i], &rows, err));
        for (size_t j = 0; j < rows.n; j++)
            if (load_one(images, tables[i], &rows.item[j], err) < 0)
                return error_prefix(err, "record of %s", rows.item[j].key);
    }
    return 0;
}

void records_done(Images *images) {
    while (images->images > 0)
        image_record_free(images->image[--images->images]);
    while (images->references > 0)
        reference_record_free(images->reference[--images->references]);
    while (images->leases > 0)
        lease_record_free(images->lease[--images->leases]);
    free(images->image);
    free(images->reference);
    free(images->lease);
}
