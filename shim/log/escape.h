// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
    LOG_ESCAPE_EXPANSION = 6, /* a byte becomes at most \u0000 */
    LOG_ESCAPE_SLACK = 32     /* bytes behind the end that are written to */
};

/* The inside of a JSON string, at the speed of the programs that are logged: 32 bytes at a time
 * where nothing is to be escaped. Returns the end. What is not UTF-8 becomes U+FFFD, as with
 * Docker; then *ret_good is false. */
char *log_escape(char *to, const char *bytes, size_t n, bool *ret_good);
