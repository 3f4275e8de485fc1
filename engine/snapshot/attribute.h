// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"

/* Extended attributes of dir/name, which is not followed; and what overlayfs means by some of them.
 * Private to engine/snapshot. */

/* `name` in `to` gets those of `name` in `from` and no others, overlayfs' own excepted. */
int attribute_copy_all(int from, int to, const char *name, Error *err);

/* Is it a directory that hides what is below it? */
bool attribute_is_opaque(int dir, const char *name);
int attribute_remove_overlay(int dir, const char *name, Error *err);
