// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/text.h"

/* Values of filters that ask yes or no. */
static inline bool boolean_is_true(const char *value) {
    return text_equal(value, "true") || text_equal(value, "1");
}
static inline bool boolean_is_valid(const char *value) {
    return boolean_is_true(value) || text_equal(value, "false") || text_equal(value, "0");
}
