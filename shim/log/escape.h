// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* The inside of a JSON string, at the speed of the programs that are logged: 16 bytes at a time
 * where nothing is to be escaped. What is not UTF-8 becomes U+FFFD, as with Docker; then the result
 * is false. */
bool log_escape(Text *out, const char *bytes, size_t n);

void log_append_base64(Text *out, const char *bytes, size_t n);
