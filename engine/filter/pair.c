// SPDX-License-Identifier: Apache-2.0
#include "engine/filter/pair.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static const char *value_of(const char *text, const PairRow *row) {
    return text_starts(text, row->key) ? text + strlen(row->key) : NULL;
}

static int check(const PairFilter *filter, const char *text, Error *err) {
    for (size_t i = 0; i < filter->n_rows; i++) {
        const PairRow *row = &filter->row[i];
        const char *value = value_of(text, row);
        if (value && (!row->is_valid || row->is_valid(value)))
            return row->check ? row->check(filter->context, value, err) : 0;
    }
    return error_set(err, ERROR_INVALID, "invalid filter '%s'", text);
}

int pair_filter_check(const PairFilter *filter, Error *err) {
    for (size_t f = 0; f < filter->n; f++)
        TRY(check(filter, filter->text[f], err));
    return 0;
}

bool pair_filter_matches(const PairFilter *filter, const void *object) {
    for (size_t i = 0; i < filter->n_rows; i++) {
        const PairRow *row = &filter->row[i];
        size_t asked = 0, held = 0;
        for (size_t f = 0; f < filter->n; f++) {
            const char *value = value_of(filter->text[f], row);
            asked += value != NULL;
            held += value && row->match(filter->context, object, value);
        }
        if (row->all_must_hold ? held < asked : asked > 0 && held == 0)
            return false;
    }
    return true;
}

bool pair_filter_asks(const PairFilter *filter, const char *key) {
    for (size_t f = 0; f < filter->n; f++)
        if (text_starts(filter->text[f], key))
            return true;
    return false;
}

bool pair_match_label(const JsonMap *labels, const char *value) {
    autofree char *key = text_copy_n(value, strcspn(value, "="));
    const char *found = json_map_find(labels, key), *equals = strchr(value, '=');
    return found && (!equals || text_equal(found, equals + 1));
}

bool pair_match_name(const char *name, const char *value) {
    regex_t expression;
    if (text_equal(name, value))
        return true;
    if (regcomp(&expression, value, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    bool matches = regexec(&expression, name, 0, NULL, 0) == 0;
    regfree(&expression);
    return matches;
}

bool pair_is_true(const char *value) {
    return text_equal(value, "true") || text_equal(value, "1");
}

bool pair_is_boolean(const char *value) {
    return pair_is_true(value) || text_equal(value, "false") || text_equal(value, "0");
}
