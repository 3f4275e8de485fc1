// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* Base64 with padding, RFC 4648 section 4. */

/* 4 characters for every 3 bytes or the rest of them, and no NUL; returns the end. */
char *base64_encode(char *to, const char *bytes, size_t n);

/* Appends the bytes. false: this is no base64; what *ret then has is not said. */
bool base64_decode(const char *text, size_t n, Text *ret);
