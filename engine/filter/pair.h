// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"

/* Docker's filters, "key=value": a table says what the objects of one kind may be asked for.
 * Filters of one key are alternatives, unless the row says otherwise; those of different keys must
 * all hold. */
typedef struct PairRow {
    const char *key; /* with its operator: "label=", "label!=" */
    bool (*match)(const void *context, const void *object, const char *value);
    bool all_must_hold;
    bool (*is_valid)(const char *value);                              /* NULL: any value */
    int (*check)(const void *context, const char *value, Error *err); /* NULL: no more to say */
} PairRow;

typedef struct PairFilter { /* all borrowed */
    const PairRow *row;
    size_t n_rows;
    const void *context; /* what rows need besides the object */
    char *const *text;   /* what the client wrote */
    size_t n;
} PairFilter;

/* ERROR_INVALID: "invalid filter 'x'"; or what a row's check says. */
int pair_filter_check(const PairFilter *filter, Error *err);
bool pair_filter_matches(const PairFilter *filter, const void *object);
bool pair_filter_asks(const PairFilter *filter, const char *key);

/* What rows of several tables do. Labels: "name" or "name=value". Names: an extended regular
 * expression that matches anywhere, or the name itself. Booleans: "true", "1", "false", "0". */
bool pair_match_label(const JsonMap *labels, const char *value);
bool pair_match_name(const char *name, const char *value);
bool pair_is_true(const char *value);
bool pair_is_boolean(const char *value);
