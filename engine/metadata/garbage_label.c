// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/garbage_label.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"

static const char *const verbs[] = {
    [GARBAGE_REFERENCE] = GARBAGE_LABEL "ref.",
    [GARBAGE_BACK_REFERENCE] = GARBAGE_LABEL "bref.",
    [GARBAGE_CONDITION] = GARBAGE_LABEL "cond.",
};

/* What follows the kind is free to choose, behind a '.' or '/'. */
const char *garbage_label_kind(
    const char *key, GarbageVerb verb, const char **ret_snapshotter, size_t *ret_n) {
    static const char *const named[] = {"container", "content", "image"};
    static const char snapshot[] = "snapshot";
    if (!text_starts(key, verbs[verb]))
        return NULL;
    key += strlen(verbs[verb]);
    if (text_starts(key, snapshot) && key[strlen(snapshot)] == '.') {
        *ret_snapshotter = key + strlen(snapshot) + 1;
        *ret_n = strcspn(*ret_snapshotter, "./");
        return snapshot;
    }
    for (size_t i = 0; i < array_size(named) && verb != GARBAGE_CONDITION; i++)
        if (text_starts(key, named[i]) && strchr("./", key[strlen(named[i])])) /* or its end */
            return named[i];
    return NULL;
}

bool garbage_label_is_root(const JsonMap *labels) {
    for (size_t i = 0; i < labels->n; i++)
        if (text_starts(labels->key[i], GARBAGE_LABEL "root"))
            return true;
    return false;
}

bool garbage_label_is_expired(const JsonMap *labels, int64_t now) {
    const char *text = json_map_find(labels, GARBAGE_LABEL "expire");
    int64_t when;
    Error ignored;
    return text && time_parse(text, &when, &ignored) == 0 && when < now;
}

const char *garbage_condition_key(const char *value) {
    const char *bar = strchr(value, '|');
    return bar && bar[1] ? bar + 1 : NULL;
}

/* "usedat<24h" or "usedat>24h", for something used so long ago. */
static bool condition_holds(const char *condition, int64_t ago) {
    static const char name[] = "usedat";
    int64_t duration;
    Error ignored;
    if (!text_starts(condition, name))
        return false;
    condition += strlen(name);
    if ((*condition != '<' && *condition != '>') ||
        time_parse_duration(condition + 1, name, &duration, &ignored) < 0)
        return false;
    return *condition == '<' ? ago < duration : ago > duration;
}

static bool some_condition_holds(const char *value, int64_t ago) {
    for (size_t n; *value != '|'; value += n + (value[n] == ',')) {
        n = strcspn(value, ",|");
        autofree char *condition = text_copy_n(value, n);
        if (condition_holds(condition, ago))
            return true;
    }
    return false;
}

bool garbage_condition_holds(const char *value, const JsonMap *snapshot, int64_t now) {
    int64_t used;
    Error ignored;
    for (size_t i = 0; i < snapshot->n && strchr(value, '|'); i++)
        if (text_starts(snapshot->key[i], GARBAGE_LABEL "cond.value-usedat") &&
            time_parse(snapshot->value[i], &used, &ignored) == 0 &&
            some_condition_holds(value, now - used))
            return true;
    return false;
}
