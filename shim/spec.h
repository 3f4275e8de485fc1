// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"

/* All that the shim wants to know of the bundle's config.json. */
typedef struct SpecFacts {
    bool private_pids; /* the container has a pid namespace of its own */
    bool unit;         /* its cgroup is a unit's, and systemd is there to make it */
} SpecFacts;

int spec_read(const char *bundle, SpecFacts *ret, Error *err);
