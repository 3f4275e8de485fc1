// SPDX-License-Identifier: Apache-2.0
#include "engine/image/reclaim.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/image/record.h"

/* As df(1) counts: blocks that only root may take are neither used nor free. */
static int read_used(const Images *images, unsigned *ret, Error *err) {
    struct statvfs status;
    if (statvfs(images->root, &status) < 0)
        return error_set_errno(err, errno, "cannot read the file system of '%s'", images->root);
    uint64_t used = status.f_blocks - status.f_bfree, all = used + status.f_bavail;
    *ret = all > 0 ? (unsigned)((used * 100 + all - 1) / all) : 0;
    return 0;
}

static int64_t last_use(const Images *images, const char *id) {
    const ImageRecord *record = record_find_image(images, id);
    if (!record)
        return INT64_MAX;
    return record->used.value > record->added.value ? record->used.value : record->added.value;
}

static bool is_pinned(const Image *image, const JsonTexts *patterns) {
    for (size_t i = 0; patterns && i < patterns->n; i++)
        for (size_t j = 0; j < image->references.n; j++)
            if (fnmatch(patterns->item[i], image->references.item[j], 0) == 0)
                return true;
    return false;
}

static bool is_used(Images *images, const char *id) {
    char container[65];
    return images->in_use && images->in_use(images->in_use_data, id, container) != IMAGE_UNUSED;
}

static bool has_text(const JsonTexts *texts, const char *text) {
    for (size_t i = 0; i < texts->n; i++)
        if (text_equal(texts->item[i], text))
            return true;
    return false;
}

/* The longest unused of those that may go and were not tried; NULL: there is none. Borrowed from
 * the list. */
static const Image *choose(
    Images *images, const ImageList *list, const ReclaimRules *rules, const JsonTexts *tried) {
    int64_t limit = time_now() - rules->minimum_age, oldest = INT64_MAX;
    const Image *chosen = NULL;
    for (size_t i = 0; i < list->n; i++) {
        pthread_mutex_lock(&images->mutex);
        int64_t used = last_use(images, list->item[i]->id);
        pthread_mutex_unlock(&images->mutex);
        if (used >= limit || used >= oldest || is_pinned(list->item[i], rules->pin) ||
            has_text(tried, list->item[i]->id) || is_used(images, list->item[i]->id))
            continue;
        oldest = used;
        chosen = list->item[i];
    }
    return chosen;
}

static void keep_texts(JsonTexts *to, const JsonTexts *from) {
    for (size_t i = 0; i < from->n; i++)
        json_texts_add(to, from->item[i]);
}

/* Name by name and without force: one that a container has taken meanwhile is refused. */
static int remove_image(Images *images, const Image *image, JsonTexts *ret, Error *err) {
    JsonTexts names = {};
    keep_texts(&names, &image->references);
    keep_texts(&names, &image->digests);
    if (names.n == 0)
        json_texts_add(&names, image->id);
    int code = 0;
    for (size_t i = 0; i < names.n && (code == 0 || code == ERROR_NOT_FOUND); i++) {
        const ImageRemove remove = {.name = names.item[i]};
        autodone(ImageRemoval) removal = {};
        code = image_remove(images, &remove, &removal, err);
        keep_texts(ret, &removal.untagged);
        keep_texts(ret, &removal.deleted);
    }
    json_texts_done(&names);
    return code == ERROR_NOT_FOUND ? 0 : code;
}

/* Each image is tried once: one that cannot go keeps none of the others. */
int images_reclaim(Images *images, const ReclaimRules *rules, JsonTexts *ret, Error *err) {
    autodone(JsonTexts) tried = {};
    unsigned used;
    TRY(read_used(images, &used, err));
    if (rules->high == 0 || used < rules->high)
        return 0;
    log_info("%s is %u %% full: images that nobody uses go", images->root, used);
    while (used > rules->low) {
        autodone(ImageList) list = {};
        TRY(image_list(images, &(ImageFilter){}, &list, err));
        const Image *image = choose(images, &list, rules, &tried);
        if (!image) {
            log_warning("%s is %u %% full, and no image may go", images->root, used);
            return 0;
        }
        json_texts_add(&tried, image->id);
        if (remove_image(images, image, ret, err) < 0)
            log_warning("image %s stays: %s", image->id, err->message);
        TRY(read_used(images, &used, err));
    }
    return 0;
}

void image_touch(Images *images, const char *id) {
    int64_t now = time_now();
    Error why;
    pthread_mutex_lock(&images->mutex);
    ImageRecord *record = record_find_image(images, id);
    if (record && now - record->used.value > 60 * TIME_SECOND) {
        record->used = (JsonInt){true, now};
        autofree char *json = json_encode(&image_record_type, record, 0);
        if (store_put(images->store, STORE_IMAGE, id, json, &why) < 0)
            log_warning("image %s: %s", id, why.message);
    }
    pthread_mutex_unlock(&images->mutex);
}
