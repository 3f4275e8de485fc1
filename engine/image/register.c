// SPDX-License-Identifier: Apache-2.0
#include "engine/image/register.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"

static void copy_texts(JsonTexts *to, const JsonTexts *from) {
    for (size_t i = 0; i < from->n; i++)
        json_texts_add(to, from->item[i]);
}

/* Sum over the chain: each layer's bytes are recorded with it. */
static int sum_sizes(Images *images, const Registration *registration, uint64_t *ret, Error *err) {
    SnapshotUsage usage = {};
    if (registration->chain)
        TRY(snapshot_chain_usage(images->snapshots, registration->chain, &usage, err));
    *ret = usage.bytes;
    return 0;
}

/* old: what is known of it already, or NULL. */
static ImageRecord *make_image(
    const Registration *registration, const ImageRecord *old, uint64_t size) {
    const char *parent = registration->parent ? registration->parent : old ? old->parent : NULL;
    ImageRecord *record = new (ImageRecord);
    *record = (ImageRecord){
        .manifest = text_copy(registration->manifest),
        .chain = text_copy(registration->chain),
        .parent = text_copy(parent),
        .size = {true, size},
        .added = {true, time_now()},
        .id = text_copy(registration->id),
    };
    copy_texts(&record->blobs, registration->blobs);
    return record;
}

static ReferenceRecord *make_reference(const Registration *registration, const Reference *name) {
    ReferenceRecord *record = new (ReferenceRecord);
    *record = (ReferenceRecord){
        .image = text_copy(registration->id),
        .target = text_copy(registration->target),
        .added = {true, time_now()},
        .name = reference_canonical(name),
    };
    copy_texts(&record->blobs, registration->blobs);
    return record;
}

char *register_encode_reference(const ReferenceRecord *record) {
    return json_encode(&reference_record_type, record, 0);
}

static bool is_news(const Images *images, const ReferenceRecord *record) {
    const ReferenceRecord *old = record_find_reference(images, record->name);
    return !old || !text_equal(old->image, record->image) ||
           !text_equal(old->target, record->target);
}

/* With the mutex held. Takes image and references into memory once the store has them. */
static int apply(Images *images, const Registration *registration, ImageRecord *image,
    ReferenceRecord **reference, Error *err) {
    size_t n = registration->names_n;
    autofree StoreChange *changes = new_array(StoreChange, n + 2);
    char **json = new_array(char *, n + 2);
    json[0] = json_encode(&image_record_type, image, 0);
    changes[0] = (StoreChange){STORE_IMAGE, image->id, json[0]};
    for (size_t i = 0; i < n; i++) {
        json[i + 1] = register_encode_reference(reference[i]);
        changes[i + 1] = (StoreChange){STORE_REFERENCE, reference[i]->name, json[i + 1]};
    }
    const LeaseRecord *lease = record_find_lease(images, registration->lease);
    bool last = lease && lease->users == 1;
    if (last)
        changes[n + 1] = (StoreChange){STORE_LEASE, registration->lease, NULL};
    int code = store_apply(images->store, changes, n + (last ? 2 : 1), err);
    texts_free(json);
    return code;
}

static int register_locked(
    Images *images, const Registration *registration, uint64_t size, bool *ret_newer, Error *err) {
    size_t n = registration->names_n;
    const ImageRecord *old = record_find_image(images, registration->id);
    bool newer = !old;
    ImageRecord *image = make_image(registration, old, size);
    autofree ReferenceRecord **reference = new_array(ReferenceRecord *, n);
    for (size_t i = 0; i < n; i++) {
        reference[i] = make_reference(registration, registration->names[i]);
        newer = newer || is_news(images, reference[i]);
    }
    int code = apply(images, registration, image, reference, err);
    if (code < 0) {
        image_record_free(image);
        for (size_t i = 0; i < n; i++)
            reference_record_free(reference[i]);
        return code;
    }
    record_keep_image(images, image);
    for (size_t i = 0; i < n; i++)
        record_keep_reference(images, reference[i]);
    LeaseRecord *lease = record_find_lease(images, registration->lease);
    if (lease && --lease->users == 0)
        record_drop_lease(images, registration->lease);
    *ret_newer = newer;
    return 0;
}

/* A record survives a power cut, so what it stands for has to be on the disk before it. */
static int reach_disk(Images *images, Error *err) {
    autoclose int fd = -1;
    TRY(file_open(AT_FDCWD, images->root, O_RDONLY | O_DIRECTORY, 0, &fd, err));
    if (syncfs(fd) < 0)
        return error_set_errno(err, errno, "cannot write to the disk of '%s'", images->root);
    return 0;
}

int register_image(Images *images, const Registration *registration, bool *ret_newer, Error *err) {
    uint64_t size;
    TRY(sum_sizes(images, registration, &size, err));
    pthread_mutex_lock(&images->mutex);
    bool known = record_find_image(images, registration->id);
    pthread_mutex_unlock(&images->mutex);
    if (!known)
        TRY(reach_disk(images, err));
    pthread_mutex_lock(&images->mutex);
    int code = register_locked(images, registration, size, ret_newer, err);
    pthread_mutex_unlock(&images->mutex);
    return code;
}

void image_event(Images *images, const char *action, const char *id, const char *name) {
    if (!images->events)
        return;
    Event event = {.type = "image", .action = action, .id = id};
    json_map_set(&event.attributes, "name", name ? name : id);
    event_publish(images->events, &event);
    free(event.attributes.key[0]);
    free(event.attributes.value[0]);
    free(event.attributes.key);
    free(event.attributes.value);
}
