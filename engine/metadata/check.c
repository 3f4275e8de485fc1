// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/check.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
    IDENTIFIER_MAX = 76,
    NAME_MAX_BYTES = 2048,
    LABEL_MAX = 4096,
    LABELS_MAX = 1024,
};

static bool is_word(char c) {
    return isalnum((unsigned char)c);
}

int check_identifier(const char *name, Error *err) {
    size_t n = strlen(name);
    if (n == 0)
        return error_set(err, ERROR_INVALID, "identifier must not be empty: invalid argument");
    if (n > IDENTIFIER_MAX)
        return error_set(err, ERROR_INVALID,
            "identifier \"%.100s\" greater than maximum length (%d characters): invalid argument",
            name, IDENTIFIER_MAX);
    bool good = is_word(name[0]) && is_word(name[n - 1]);
    for (size_t i = 0; good && i < n; i++)
        good = is_word(name[i]) || (strchr("._-", name[i]) && is_word(name[i + 1]));
    if (!good)
        return error_set(err, ERROR_INVALID,
            "identifier \"%s\" must match ^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$: invalid "
            "argument",
            name);
    return 0;
}

int check_name(const char *what, const char *name, Error *err) {
    size_t n = strlen(name);
    if (n == 0)
        return error_set(err, ERROR_INVALID, "%s must not be empty: invalid argument", what);
    if (n > NAME_MAX_BYTES)
        return error_set(err, ERROR_INVALID, "%s is longer than %d bytes: invalid argument", what,
            NAME_MAX_BYTES);
    for (size_t i = 0; i < n; i++)
        if (iscntrl((unsigned char)name[i]))
            return error_set(
                err, ERROR_INVALID, "%s has a control character: invalid argument", what);
    return 0;
}

int check_labels(const JsonMap *labels, Error *err) {
    if (labels->n > LABELS_MAX)
        return error_set(err, ERROR_INVALID, "more than %d labels: invalid argument", LABELS_MAX);
    for (size_t i = 0; i < labels->n; i++) {
        size_t n = strlen(labels->key[i]) + strlen(labels->value[i]);
        if (n > LABEL_MAX)
            return error_set(err, ERROR_INVALID,
                "label key and value length (%zu bytes) greater than maximum size (%d bytes), "
                "key: %.10s: invalid argument",
                n, LABEL_MAX, labels->key[i]);
    }
    return 0;
}

static void remove_label(JsonMap *labels, const char *key) {
    for (size_t i = 0; i < labels->n; i++) {
        if (!text_equal(labels->key[i], key))
            continue;
        free(labels->key[i]);
        free(labels->value[i]);
        labels->n--;
        labels->key[i] = labels->key[labels->n];
        labels->value[i] = labels->value[labels->n];
        return;
    }
}

void labels_copy(JsonMap *to, const JsonMap *from) {
    json_map_done(to);
    for (size_t i = 0; i < from->n; i++)
        if (*from->value[i])
            json_map_set(to, from->key[i], from->value[i]);
}

bool labels_apply(JsonMap *labels, const JsonMap *given, const char *path) {
    const char *key = path + strlen("labels.");
    if (text_equal(path, "labels")) {
        labels_copy(labels, given);
        return true;
    }
    if (!text_starts(path, "labels."))
        return false;
    const char *value = json_map_find(given, key);
    if (text_is_empty(value))
        remove_label(labels, key);
    else
        json_map_set(labels, key, value);
    return true;
}
