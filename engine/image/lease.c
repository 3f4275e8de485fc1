// SPDX-License-Identifier: Apache-2.0
#include "engine/image/lease.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"

void lease_begin(Images *images, const char *name) {
    pthread_mutex_lock(&images->mutex);
    LeaseRecord *lease = record_find_lease(images, name);
    if (!lease) {
        lease = new (LeaseRecord);
        lease->name = text_copy(name);
        record_keep_lease(images, lease);
    }
    lease->users++;
    pthread_mutex_unlock(&images->mutex);
}

static void add(Images *images, const char *name, const char *text, bool chain) {
    pthread_mutex_lock(&images->mutex);
    LeaseRecord *lease = record_find_lease(images, name);
    JsonTexts *texts = chain ? &lease->chains : &lease->blobs;
    if (!texts_have(texts, text))
        json_texts_add(texts, text);
    pthread_mutex_unlock(&images->mutex);
}

void lease_add_blob(Images *images, const char *name, const char *digest) {
    add(images, name, digest, false);
}

void lease_add_chain(Images *images, const char *name, const char *chain_id) {
    add(images, name, chain_id, true);
}

static void copy_new(JsonTexts *to, const JsonTexts *from) {
    for (size_t i = 0; i < from->n; i++)
        if (!texts_have(to, from->item[i]))
            json_texts_add(to, from->item[i]);
}

void lease_add_image(Images *images, const char *name, const char *id) {
    pthread_mutex_lock(&images->mutex);
    LeaseRecord *lease = record_find_lease(images, name);
    const ImageRecord *image = record_find_image(images, id);
    if (image)
        copy_new(&lease->blobs, &image->blobs);
    for (size_t i = 0; i < images->references; i++)
        if (text_equal(images->reference[i]->image, id))
            copy_new(&lease->blobs, &images->reference[i]->blobs);
    pthread_mutex_unlock(&images->mutex);
}

int lease_save(Images *images, const char *name, Error *err) {
    pthread_mutex_lock(&images->mutex);
    LeaseRecord *lease = record_find_lease(images, name);
    lease->added = (JsonInt){true, time_now()};
    autofree char *json = json_encode(&lease_record_type, lease, 0);
    int code = store_put(images->store, STORE_LEASE, name, json, err);
    pthread_mutex_unlock(&images->mutex);
    return code;
}

void lease_end(Images *images, const char *name) {
    pthread_mutex_lock(&images->mutex);
    LeaseRecord *lease = record_find_lease(images, name);
    if (lease && --lease->users == 0 && !lease->added.set)
        record_drop_lease(images, name);
    pthread_mutex_unlock(&images->mutex);
}

void lease_abandon(Images *images, const char *name) {
    Error ignored; /* what stays in the store is forgotten after a day */
    pthread_mutex_lock(&images->mutex);
    LeaseRecord *lease = record_find_lease(images, name);
    if (lease && --lease->users == 0) {
        if (lease->added.set)
            store_remove(images->store, STORE_LEASE, name, &ignored);
        record_drop_lease(images, name);
    }
    pthread_mutex_unlock(&images->mutex);
}
