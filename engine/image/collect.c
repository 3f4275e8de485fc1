// SPDX-License-Identifier: Apache-2.0
#include "engine/image/collect.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/image/unpack.h"

#define LEASE_LIFE (24 * 3600 * TIME_SECOND)

/* Digests borrowed from records, sorted; valid while the mutex is held. */
typedef struct Marks {
    const char **item;
    size_t n, capacity;
} Marks;

static void mark_all(Marks *marks, const JsonTexts *texts) {
    if (marks->n + texts->n > marks->capacity) {
        marks->capacity = 2 * (marks->n + texts->n);
        marks->item = memory_resize(marks->item, marks->capacity, sizeof(*marks->item));
    }
    for (size_t i = 0; i < texts->n; i++)
        marks->item[marks->n++] = texts->item[i];
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* With the mutex held. */
static Marks mark_blobs(const Images *images) {
    Marks marks = {};
    for (size_t i = 0; i < images->images; i++)
        mark_all(&marks, &images->image[i]->blobs);
    for (size_t i = 0; i < images->references; i++)
        mark_all(&marks, &images->reference[i]->blobs);
    for (size_t i = 0; i < images->leases; i++)
        mark_all(&marks, &images->lease[i]->blobs);
    if (marks.n > 0)
        qsort(marks.item, marks.n, sizeof(*marks.item), compare_texts);
    return marks;
}

static bool is_marked(void *user, const char *digest) {
    const Marks *marks = user;
    return marks->n > 0 &&
           bsearch(&digest, marks->item, marks->n, sizeof(*marks->item), compare_texts);
}

typedef struct Wanted {
    const Images *images;
    Marks *marks;
} Wanted;

static bool is_wanted(void *user, const char *digest) {
    const Wanted *wanted = user;
    const Images *images = wanted->images;
    return is_marked(wanted->marks, digest) ||
           (images->keeper && images->keeper(images->keeper_data, digest));
}

/* The mutex is held while files are unlinked: a pull adds to its lease, then looks for the blob,
 * and must not see one that is about to go. */
static int sweep_blobs_locked(Images *images, const JsonTexts *digests, Error *err) {
    Marks marks = mark_blobs(images);
    int code = 0;
    for (size_t i = 0; i < digests->n && code == 0; i++)
        if (!is_wanted(&(Wanted){images, &marks}, digests->item[i]))
            code = content_remove(images->content, digests->item[i], err);
    if (code == 0)
        code = content_sweep_ingest(images->content, is_wanted, &(Wanted){images, &marks}, err);
    free(marks.item);
    return code;
}

void images_list_blobs(Images *images, JsonTexts *ret) {
    pthread_mutex_lock(&images->mutex);
    Marks marks = mark_blobs(images);
    for (size_t i = 0; i < marks.n; i++)
        if (i == 0 || !text_equal(marks.item[i], marks.item[i - 1]))
            json_texts_add(ret, marks.item[i]);
    pthread_mutex_unlock(&images->mutex);
    free(marks.item);
}

bool images_hold_blob(Images *images, const char *digest) {
    pthread_mutex_lock(&images->mutex);
    Marks marks = mark_blobs(images);
    bool held = is_marked(&marks, digest);
    pthread_mutex_unlock(&images->mutex);
    free(marks.item);
    return held;
}

static int sweep_blobs(Images *images, Error *err) {
    autodone(JsonTexts) digests = {};
    TRY(content_list(images->content, &digests, err));
    pthread_mutex_lock(&images->mutex);
    int code = sweep_blobs_locked(images, &digests, err);
    pthread_mutex_unlock(&images->mutex);
    return code;
}

/* Asked by engine/snapshot under its own mutex: that one comes before ours. */
static bool keep_chain(void *user, const char *chain_id) {
    Images *images = user;
    bool keep = strchr(chain_id, '/'); /* engine/snapshot/named.h: a client's */
    pthread_mutex_lock(&images->mutex);
    for (size_t i = 0; !keep && i < images->images; i++)
        keep = text_equal(images->image[i]->chain, chain_id);
    for (size_t i = 0; !keep && i < images->leases; i++)
        keep = texts_have(&images->lease[i]->chains, chain_id);
    pthread_mutex_unlock(&images->mutex);
    return keep;
}

int collect(Images *images, JsonTexts *removed_chains, Error *err) {
    TRY(snapshot_sweep(images->snapshots, keep_chain, images, removed_chains, err));
    return sweep_blobs(images, err);
}

static int drop_old_leases(Images *images, Error *err) {
    int64_t now = time_now();
    for (size_t i = images->leases; i > 0; i--) {
        const LeaseRecord *lease = images->lease[i - 1];
        /* a clock that was set back makes a lease old too */
        if (lease->users > 0)
            continue;
        if (lease->added.value <= now && now - lease->added.value < LEASE_LIFE)
            continue;
        TRY(store_remove(images->store, STORE_LEASE, lease->name, err));
        record_drop_lease(images, lease->name);
    }
    return 0;
}

int images_forget(Images *images, Error *err) {
    pthread_mutex_lock(&images->mutex);
    int code = drop_old_leases(images, err);
    pthread_mutex_unlock(&images->mutex);
    return code;
}

/* A layer that was not on the disk when the machine went down is gone. Its blob was: the image is
 * unpacked again when it is used next. Without the blob the image goes: whole or absent. */
static int drop_broken_image(Images *images, const char *id, Error *err) {
    autofree StoreChange *changes = new_array(StoreChange, images->references + 1);
    size_t n = 0;
    for (size_t i = 0; i < images->references; i++)
        if (text_equal(images->reference[i]->image, id))
            changes[n++] = (StoreChange){STORE_REFERENCE, images->reference[i]->name, NULL};
    changes[n++] = (StoreChange){STORE_IMAGE, id, NULL};
    TRY(store_apply(images->store, changes, n, err));
    for (size_t i = 0; i + 1 < n; i++)
        record_drop_reference(images, changes[i].key);
    record_drop_image(images, id);
    return 0;
}

static int drop_broken(Images *images, Error *err) {
    for (size_t i = images->images; i > 0; i--) {
        const ImageRecord *image = images->image[i - 1];
        if (image->chain && !snapshot_exists(images->snapshots, image->chain) &&
            !unpack_is_possible(images, image->manifest))
            TRY(drop_broken_image(images, image->id, err));
    }
    return 0;
}

int collect_at_start(Images *images, Error *err) {
    TRY(drop_broken(images, err));
    TRY(drop_old_leases(images, err));
    autofree char *imports = path_join(images->root, COLLECT_IMPORTS);
    TRY(file_remove_tree(AT_FDCWD, imports, err));
    return collect(images, NULL, err);
}
