// SPDX-License-Identifier: Apache-2.0
#include "engine/api/tare/filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/api/docker/ports.h"

static bool match_status(const ContainerRecord *record, const char *value, Images *images) {
    return text_equal(container_state_name(record->state), value);
}

static bool match_name(const ContainerRecord *record, const char *value, Images *images) {
    return strstr(record->name, *value == '/' ? value + 1 : value);
}

static bool match_id(const ContainerRecord *record, const char *value, Images *images) {
    return text_starts(record->id, value);
}

static bool match_label(const ContainerRecord *record, const char *value, Images *images) {
    const char *equals = strchr(value, '=');
    autofree char *key = text_copy_n(value, equals ? (size_t)(equals - value) : strlen(value));
    JsonMap labels = {};
    docker_labels(record, &labels);
    const char *found = json_map_find(&labels, key);
    bool matches = found && (!equals || text_equal(found, equals + 1));
    json_map_done(&labels);
    return matches;
}

static bool match_ancestor(const ContainerRecord *record, const char *value, Images *images) {
    autoptr(Image) image = NULL;
    Error ignored = {};
    if (text_equal(record->settings->image, value) || text_equal(record->image->id, value))
        return true;
    return image_load(images, value, &image, &ignored) == 0 &&
           text_equal(image->id, record->image->id);
}

static bool match_exited(const ContainerRecord *record, const char *value, Images *images) {
    return record->state->status == CONTAINER_EXITED &&
           record->state->exit_code.value == strtoll(value, NULL, 10);
}

static const struct {
    const char *key;
    bool (*match)(const ContainerRecord *record, const char *value, Images *images);
    bool any_state, all_must_hold;
} rows[] = {
    {"ancestor", match_ancestor, false, false},
    {"exited", match_exited, true, false},
    {"id", match_id, false, false},
    {"label", match_label, false, true},
    {"name", match_name, false, false},
    {"status", match_status, true, false},
};

/* The value, if the filter is of row i. */
static const char *value_of(const char *filter, size_t i) {
    size_t n = strlen(rows[i].key);
    return strncmp(filter, rows[i].key, n) == 0 && filter[n] == '=' ? filter + n + 1 : NULL;
}

int filters_check(char *const *filters, size_t n, bool *ret_status, Error *err) {
    for (size_t f = 0; f < n; f++) {
        bool known = false;
        for (size_t i = 0; i < array_size(rows); i++) {
            if (!value_of(filters[f], i))
                continue;
            known = true;
            *ret_status |= rows[i].any_state;
        }
        if (!known)
            return error_set(err, ERROR_INVALID, "invalid filter '%s'", filters[f]);
    }
    return 0;
}

bool filters_match(char *const *filters, size_t n, const ContainerRecord *record, Images *images) {
    for (size_t i = 0; i < array_size(rows); i++) {
        size_t asked = 0, held = 0;
        for (size_t f = 0; f < n; f++) {
            const char *value = value_of(filters[f], i);
            asked += value != NULL;
            held += value && rows[i].match(record, value, images);
        }
        if (rows[i].all_must_hold ? held < asked : asked > 0 && held == 0)
            return false;
    }
    return true;
}
