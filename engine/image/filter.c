// SPDX-License-Identifier: Apache-2.0
#include "engine/image/filter.h"

#include <fnmatch.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"

/* A filter drops names that do not match from an image, and images without what it asks for. */
typedef bool FilterMatch(const ImageList *list, Image *image, const char *value);

static bool keep_matching(JsonTexts *names, const char *pattern) {
    size_t kept = 0;
    for (size_t i = 0; i < names->n; i++) {
        autofree char *bare = text_copy_n(
            names->item[i], strlen(names->item[i]) - strlen(strrchr(names->item[i], ':')));
        char *at = strchr(bare, '@');
        if (at)
            *at = '\0';
        if (fnmatch(pattern, names->item[i], FNM_PATHNAME) == 0 ||
            fnmatch(pattern, bare, FNM_PATHNAME) == 0)
            names->item[kept++] = names->item[i];
        else
            free(names->item[i]);
    }
    names->n = kept;
    if (names->item)
        names->item[kept] = NULL;
    return kept > 0;
}

static bool match_reference(const ImageList *list, Image *image, const char *value) {
    bool by_tag = keep_matching(&image->references, value);
    bool by_digest = keep_matching(&image->digests, value);
    return by_tag || by_digest;
}

static bool match_dangling(const ImageList *list, Image *image, const char *value) {
    bool wanted = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    return (image->references.n == 0) == wanted;
}

static bool match_label(const ImageList *list, Image *image, const char *value) {
    autofree char *key = text_copy_n(value, strcspn(value, "="));
    const char *wanted = strchr(value, '=');
    const char *label = json_map_find(&image->config.config->labels, key);
    return label && (!wanted || strcmp(label, wanted + 1) == 0);
}

static const Image *find(const ImageList *list, const char *name) {
    const char *hex = text_starts(name, "sha256:") ? name + 7 : name;
    autofree char *latest = text_format("%s:latest", name);
    for (size_t i = 0; i < list->n; i++) {
        const Image *image = list->item[i];
        if (*hex && text_starts(image->id + 7, hex))
            return image;
        for (size_t j = 0; j < image->references.n; j++)
            if (text_equal(image->references.item[j], name) ||
                text_equal(image->references.item[j], latest))
                return image;
    }
    return NULL;
}

static bool match_before(const ImageList *list, Image *image, const char *value) {
    const Image *other = find(list, value);
    return other && image->created < other->created;
}

static bool match_since(const ImageList *list, Image *image, const char *value) {
    const Image *other = find(list, value);
    return other && image->created > other->created;
}

static bool match_until(const ImageList *list, Image *image, const char *value) {
    int64_t until = 0;
    return time_parse_unix(value, &until) && image->created <= until;
}

static int check_image(const ImageList *list, const char *value, Error *err) {
    if (find(list, value))
        return 0;
    return error_set(err, ERROR_NOT_FOUND, "No such image: %s", value);
}

static int check_dangling(const ImageList *list, const char *value, Error *err) {
    static const char *const words[] = {"true", "false", "1", "0"};
    for (size_t i = 0; i < array_size(words); i++)
        if (text_equal(words[i], value))
            return 0;
    return error_set(err, ERROR_INVALID, "invalid filter 'dangling=%s'", value);
}

typedef struct FilterRow {
    const char *name;
    FilterMatch *match;
    int (*check)(const ImageList *list, const char *value, Error *err); /* NULL: any value */
} FilterRow;
static const FilterRow filters[] = {
    {"before", match_before, check_image},
    {"dangling", match_dangling, check_dangling},
    {"label", match_label},
    {"reference", match_reference},
    {"since", match_since, check_image},
    {"until", match_until},
};

static const FilterRow *find_filter(const char *text, const char **ret_value) {
    size_t n = strcspn(text, "=");
    for (size_t i = 0; text[n] && i < array_size(filters); i++)
        if (strlen(filters[i].name) == n && strncmp(filters[i].name, text, n) == 0) {
            *ret_value = text + n + 1;
            return &filters[i];
        }
    return NULL;
}

/* Looks names up in the list as it was before this filter. */
static void apply(ImageList *list, FilterMatch *match, const char *value) {
    bool *keep = new_array(bool, list->n);
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++)
        keep[i] = match(list, list->item[i], value);
    for (size_t i = 0; i < list->n; i++) {
        if (keep[i])
            list->item[kept++] = list->item[i];
        else
            image_free(list->item[i]);
    }
    list->n = kept;
    free(keep);
}

int filter_apply(const ImageFilter *filter, ImageList *list, Error *err) {
    if (!filter)
        return 0;
    for (size_t i = 0; i < filter->filters.n; i++) {
        const char *value = NULL;
        const FilterRow *row = find_filter(filter->filters.item[i], &value);
        if (!row)
            return error_set(err, ERROR_INVALID, "invalid filter '%s'", filter->filters.item[i]);
        if (row->check)
            TRY(row->check(list, value, err));
        apply(list, row->match, value);
    }
    if (!text_is_empty(filter->reference)) {
        /* users may write the long form */
        const char *name = filter->reference;
        if (text_starts(name, "docker.io/"))
            name += strlen("docker.io/");
        if (text_starts(name, "library/"))
            name += strlen("library/");
        apply(list, match_reference, name);
    }
    return 0;
}
