// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"

/* containerd's names of runtimes: the last two words of "io.containerd.NAME.VERSION" make the
 * name of a shim's program, containerd-shim-NAME-VERSION. */

/* Whether a shim can be asked for by this name: three words or more, and no path. */
bool runtime_type_is_valid(const char *type);

/* The shim's program, beside us or in $PATH; an absolute path is taken as it is. New string;
 * ERROR_NOT_FOUND, ERROR_INVALID. */
int runtime_type_find_shim(const char *type, char **ret, Error *err);
