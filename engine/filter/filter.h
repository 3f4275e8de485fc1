// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"

/* containerd's filters: which of many objects a client wants.
 *
 *     filter   = [ selector { "," selector } ]        all must hold; an empty one always does
 *     selector = field { "." field } [ operator value ]   without operator: the field is there
 *     field    = letters, digits, "_" | quoted
 *     operator = "==" | "!=" | "~="                   the last is a POSIX extended regular
 * expression value    = what is neither space nor "," | quoted (after "~=" also in / / or | |)
 *
 * Spaces around a selector do not count. Of several filters one must hold; none at all always
 * holds. */
typedef struct Filter Filter;

/* ERROR_INVALID. Bounded in number and length. */
int filter_parse(char *const *texts, size_t n, Filter **ret, Error *err);
void filter_free(Filter *filter);
CLEANUP_DEFINE(Filter, filter_free)

/* An object's field; NULL: it has none. */
typedef const char *FilterField(const void *object, char *const *path, size_t n);
bool filter_matches(const Filter *filter, FilterField *field, const void *object);

/* The value of the key that the path's parts make with dots in between. */
const char *filter_find(const JsonMap *map, char *const *path, size_t n);
