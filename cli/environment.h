// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>

#include "base/error.h"
#include "base/option.h"

/* --env-file, then --env: "NAME=value" as is; a bare "NAME" takes the caller's value, or is left
 * out when the caller has none. Files: one variable a line, empty lines and lines that begin with #
 * are skipped, the rest of a line is the value, quotes and all. */
int environment_collect(
    const OptionTexts *files, const OptionTexts *variables, char ***ret, Error *err);

/* One file's text; `name` is for messages. Appends to *texts. */
int environment_parse(
    const char *name, const char *text, size_t length, char ***texts, size_t *n, Error *err);
