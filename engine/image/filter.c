// SPDX-License-Identifier: Apache-2.0
#include "engine/image/filter.h"

#include <fnmatch.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/filter/pair.h"
#include "engine/image/record.h"

/* With its tag or without; "name@digest" without its digest. */
static bool name_matches(const char *name, const char *pattern) {
    autofree char *bare = text_copy_n(name, strlen(name) - strlen(strrchr(name, ':')));
    bare[strcspn(bare, "@")] = '\0';
    return fnmatch(pattern, name, FNM_PATHNAME) == 0 || fnmatch(pattern, bare, FNM_PATHNAME) == 0;
}

static bool any_matches(const JsonTexts *names, const char *pattern) {
    for (size_t i = 0; i < names->n; i++)
        if (name_matches(names->item[i], pattern))
            return true;
    return false;
}

static bool match_reference(const void *context, const void *object, const char *value) {
    const Image *image = object;
    return any_matches(&image->references, value) || any_matches(&image->digests, value);
}

static bool match_dangling(const void *context, const void *object, const char *value) {
    return (((const Image *)object)->references.n == 0) == pair_is_true(value);
}

static bool match_label(const void *context, const void *object, const char *value) {
    return pair_match_label(&((const Image *)object)->config.config->labels, value);
}

static char *familiar_of(const char *name) {
    autodone(Reference) reference = {};
    Error ignored;
    return reference_parse(name, &reference, &ignored) < 0 ? text_copy(name)
                                                           : reference_familiar(&reference);
}

static const Image *find(const ImageList *list, const char *name) {
    const char *hex = text_starts(name, "sha256:") ? name + 7 : name;
    autofree char *familiar = familiar_of(name);
    for (size_t i = 0; i < list->n; i++) {
        const Image *image = list->item[i];
        if (*hex && text_starts(image->id + 7, hex))
            return image;
        if (texts_have(&image->references, familiar) || texts_have(&image->digests, familiar))
            return image;
    }
    return NULL;
}

static bool match_before(const void *context, const void *object, const char *value) {
    const Image *other = find(context, value);
    return other && ((const Image *)object)->created < other->created;
}

static bool match_since(const void *context, const void *object, const char *value) {
    const Image *other = find(context, value);
    return other && ((const Image *)object)->created > other->created;
}

static bool match_until(const void *context, const void *object, const char *value) {
    int64_t until = 0;
    return time_parse_unix(value, &until) && ((const Image *)object)->created <= until;
}

static int check_image(const void *context, const char *value, Error *err) {
    if (find(context, value))
        return 0;
    autofree char *familiar = familiar_of(value);
    return error_set(err, ERROR_NOT_FOUND, "No such image: %s", familiar);
}

static int check_pattern(const void *context, const char *value, Error *err) {
    (void)context;
    const char *open = strrchr(value, '[');
    return open && !strchr(open, ']') ? error_set(err, ERROR_INVALID, "syntax error in pattern")
                                      : 0;
}

static const PairRow rows[] = {
    {"before=", match_before, .all_must_hold = true, .check = check_image},
    {"dangling=", match_dangling, .all_must_hold = true, .is_valid = pair_is_boolean},
    {"label=", match_label, .all_must_hold = true},
    {"reference=", match_reference, .check = check_pattern},
    {"since=", match_since, .all_must_hold = true, .check = check_image},
    {"until=", match_until, .all_must_hold = true},
};

/* Looks names up in the list as it was. */
static void keep_images(ImageList *list, const PairFilter *filter) {
    autofree bool *keep = new_array(bool, list->n);
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++)
        keep[i] = pair_filter_matches(filter, list->item[i]);
    for (size_t i = 0; i < list->n; i++) {
        if (keep[i])
            list->item[kept++] = list->item[i];
        else
            image_free(list->item[i]);
    }
    list->n = kept;
}

/* Of an image that stays, a reference's filters leave only the names that match one of them. */
static void keep_names(JsonTexts *names, const PairFilter *filter) {
    JsonTexts kept = {};
    for (size_t i = 0; i < names->n; i++) {
        bool keeps = false;
        for (size_t f = 0; f < filter->n; f++)
            keeps |= text_starts(filter->text[f], "reference=") &&
                     name_matches(names->item[i], filter->text[f] + strlen("reference="));
        if (keeps)
            json_texts_add(&kept, names->item[i]);
    }
    json_texts_done(names);
    *names = kept;
}

static int apply(ImageList *list, char *const *texts, size_t n, Error *err) {
    const PairFilter filter = {rows, array_size(rows), list, texts, n};
    TRY(pair_filter_check(&filter, err));
    keep_images(list, &filter);
    for (size_t i = 0; i < list->n && pair_filter_asks(&filter, "reference="); i++) {
        keep_names(&list->item[i]->references, &filter);
        keep_names(&list->item[i]->digests, &filter);
    }
    return 0;
}

int filter_apply(const ImageFilter *filter, ImageList *list, Error *err) {
    if (!filter)
        return 0;
    TRY(apply(list, filter->filters.item, filter->filters.n, err));
    if (text_is_empty(filter->reference))
        return 0;
    const char *name = filter->reference; /* users may write the long form */
    if (text_starts(name, "docker.io/"))
        name += strlen("docker.io/");
    if (text_starts(name, "library/"))
        name += strlen("library/");
    autofree char *text = text_format("reference=%s", name);
    return apply(list, &text, 1, err);
}
