// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"

/* What containerd's files and options need of TOML 1.0 (https://toml.io): tables, dotted and quoted
 * keys, strings, booleans, integers and arrays. Dates, floats, inline tables, arrays of tables and
 * multi-line strings are refused by name. */

/* The document as JSON text, tables in the order in which they were first named. ERROR_INVALID
 * names the line. */
int toml_to_json(const char *text, size_t length, Text *ret, Error *err);
