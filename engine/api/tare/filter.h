// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/container/container.h"
#include "engine/image/image.h"

/* `ps --filter`: "key=value". Filters of one key are alternatives (of labels: all must hold), those
 * of different keys must all hold. All borrowed. */
typedef struct ContainerFilters {
    size_t n;
    char *const *item;
    Images *images;
    Containers *containers;
} ContainerFilters;

/* ERROR_INVALID: "invalid filter 'x'"; ERROR_NOT_FOUND: a container that another is compared with.
 * *ret_status: one of them asks for a state, so that containers which do not run are looked at,
 * too. */
int filters_check(const ContainerFilters *filters, bool *ret_status, Error *err);
bool filters_match(const ContainerFilters *filters, const ContainerRecord *record);
