// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"

/* Whether the container of the bundle has a pid namespace of its own: all that the shim wants to
 * know of config.json. */
int spec_read_private_pids(const char *bundle, bool *ret, Error *err);
