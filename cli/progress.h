// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"

/* The lines of a pull, one a layer. On a terminal each line is redrawn in place, with a bar; else a
 * line is printed whenever a layer enters a new phase. */
typedef struct Progress Progress;

/* Terminal of the given size; rows 0: no terminal. */
Progress *progress_new(FILE *out, unsigned rows, unsigned columns);
Progress *progress_on(FILE *out); /* as large as it is, if it is a terminal */

/* `layer` may be NULL: one line for all. `status` is "Downloading", "Pull complete", …; total 0: no
 * bar. `now` in ns, monotonic. */
void progress_update(Progress *progress, const char *layer, const char *status, int64_t current,
    int64_t total, int64_t now);

/* Draws what the rate limit held back. Lines printed after this stand below. */
void progress_finish(Progress *progress);

/* What the registry wants its users to know, on standard error, after the lines. */
void progress_warn(Progress *progress, char *const *warnings, size_t n);
void progress_free(Progress *progress);
CLEANUP_DEFINE(Progress, progress_free)
