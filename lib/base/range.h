// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Sets of small numbers as the kernel writes lists of CPUs and memory nodes: "0-3,7". */
enum {
    RANGE_BITS = 1024
};
typedef struct RangeSet {
    unsigned long word[RANGE_BITS / (8 * sizeof(unsigned long))];
    size_t count;
} RangeSet;

/* Blanks and empty elements are passed over. ERROR_INVALID. */
int range_parse(const char *text, RangeSet *ret, Error *err);
bool range_has(const RangeSet *set, unsigned number);
