// SPDX-License-Identifier: Apache-2.0
#include "engine/image/prune.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/time.h"
#include "engine/image/record.h"
#include "engine/image/usage.h"

static bool match_label(const void *context, const void *object, const char *value) {
    return pair_match_label(((const PruneObject *)object)->labels, value);
}

static bool match_no_label(const void *context, const void *object, const char *value) {
    return !pair_match_label(((const PruneObject *)object)->labels, value);
}

static bool match_until(const void *context, const void *object, const char *value) {
    int64_t until = 0;
    return time_parse_unix(value, &until) && ((const PruneObject *)object)->created <= until;
}

static const PairRow rows[] = {
    {"label!=", match_no_label, .all_must_hold = true},
    {"label=", match_label, .all_must_hold = true},
    {"until=", match_until, .all_must_hold = true},
};

PairFilter prune_filter(char *const *texts, size_t n) {
    return (PairFilter){rows, array_size(rows), NULL, texts, n};
}

/* What the disk holds of images now. */
static int measure(Images *images, uint64_t *ret, Error *err) {
    autodone(ImageList) list = {};
    autodone(ImageUsage) usage = {};
    uint64_t content = 0;
    TRY(image_list(images, NULL, &list, err));
    autofree char *path = path_join(images->root, "content");
    TRY(file_usage(AT_FDCWD, path, &content, err));
    image_usage(images, &list, &usage);
    *ret = usage.total + content;
    return 0;
}

/* One that is in use by now, or gone, is left alone. */
static void remove_name(Images *images, const char *name, ImageRemoval *ret) {
    autodone(ImageRemoval) removal = {};
    const ImageRemove remove = {.name = name};
    Error ignored;
    if (image_remove(images, &remove, &removal, &ignored) < 0)
        return;
    for (size_t i = 0; i < removal.untagged.n; i++)
        json_texts_add(&ret->untagged, removal.untagged.item[i]);
    for (size_t i = 0; i < removal.deleted.n; i++)
        json_texts_add(&ret->deleted, removal.deleted.item[i]);
}

static bool is_used(Images *images, const Image *image) {
    char container[65];
    return images->in_use && images->in_use(images->in_use_data, image->id, container);
}

static void remove_names(Images *images, const Image *image, ImageRemoval *ret) {
    for (size_t i = 0; i < image->references.n; i++)
        remove_name(images, image->references.item[i], ret);
    if (image->references.n)
        return; // with the last tag the digests went
    for (size_t i = 0; i < image->digests.n; i++)
        remove_name(images, image->digests.item[i], ret);
    if (!image->digests.n)
        remove_name(images, image->id, ret);
}

int image_prune(Images *images, bool all, const PairFilter *filter, ImageRemoval *ret,
    uint64_t *ret_reclaimed, Error *err) {
    autodone(ImageList) list = {};
    autodone(ImageRemoval) removal = {};
    uint64_t before = 0, after = 0;
    TRY(pair_filter_check(filter, err));
    TRY(measure(images, &before, err));
    TRY(image_list(images, NULL, &list, err));
    for (size_t i = 0; i < list.n; i++) {
        const Image *image = list.item[i];
        if ((all || !image->references.n) && !is_used(images, image) &&
            pair_filter_matches(
                filter, &(PruneObject){&image->config.config->labels, image->created}))
            remove_names(images, image, &removal);
    }
    TRY(measure(images, &after, err));
    *ret_reclaimed = before > after ? before - after : 0;
    *ret = removal;
    removal = (ImageRemoval){};
    return 0;
}
