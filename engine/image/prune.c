// SPDX-License-Identifier: Apache-2.0
#include "engine/image/prune.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/image/record.h"
#include "engine/image/usage.h"

static bool has_label(const JsonMap *labels, const char *wanted) {
    autofree char *key = text_copy_n(wanted, strcspn(wanted, "="));
    const char *found = json_map_find(labels, key), *equals = strchr(wanted, '=');
    return found && (!equals || text_equal(found, equals + 1));
}

static bool match_label(const char *value, const JsonMap *labels, int64_t created) {
    (void)created;
    return has_label(labels, value);
}

static bool match_no_label(const char *value, const JsonMap *labels, int64_t created) {
    (void)created;
    return !has_label(labels, value);
}

static bool match_until(const char *value, const JsonMap *labels, int64_t created) {
    (void)labels;
    int64_t until = 0;
    return time_parse_unix(value, &until) && created <= until;
}

static const struct {
    const char *start;
    bool (*match)(const char *value, const JsonMap *labels, int64_t created);
} rows[] = {{"label!=", match_no_label}, {"label=", match_label}, {"until=", match_until}};

int prune_check(const PruneFilter *filter, Error *err) {
    for (size_t f = 0; f < filter->n; f++) {
        bool known = false;
        for (size_t i = 0; i < array_size(rows); i++)
            known |= text_starts(filter->item[f], rows[i].start);
        if (!known)
            return error_set(err, ERROR_INVALID, "invalid filter '%s'", filter->item[f]);
    }
    return 0;
}

bool prune_matches(const PruneFilter *filter, const JsonMap *labels, int64_t created) {
    for (size_t f = 0; f < filter->n; f++)
        for (size_t i = 0; i < array_size(rows); i++)
            if (text_starts(filter->item[f], rows[i].start) &&
                !rows[i].match(filter->item[f] + strlen(rows[i].start), labels, created))
                return false;
    return true;
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

int image_prune(Images *images, bool all, const PruneFilter *filter, ImageRemoval *ret,
    uint64_t *ret_reclaimed, Error *err) {
    autodone(ImageList) list = {};
    autodone(ImageRemoval) removal = {};
    uint64_t before = 0, after = 0;
    TRY(prune_check(filter, err));
    TRY(measure(images, &before, err));
    TRY(image_list(images, NULL, &list, err));
    for (size_t i = 0; i < list.n; i++) {
        const Image *image = list.item[i];
        if ((all || !image->references.n) && !is_used(images, image) &&
            prune_matches(filter, &image->config.config->labels, image->created))
            remove_names(images, image, &removal);
    }
    TRY(measure(images, &after, err));
    *ret_reclaimed = before > after ? before - after : 0;
    *ret = removal;
    removal = (ImageRemoval){};
    return 0;
}
