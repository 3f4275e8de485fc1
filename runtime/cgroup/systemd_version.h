// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"

/* What systemd can be told depends on its age. A limit that it is too old for is left out of what
 * is sent: the runtime has it in the cgroup's files, and systemd keeps its hands off what it does
 * not know. */

enum {
    SYSTEMD_OLDEST = 240
};

/* Of the manager's property Version: "252 (252.39-1~deb12u2)", "v257-rc1". ERROR_UNSUPPORTED when
 * it is too old for any container. */
int systemd_version_parse(const char *text, unsigned *ret, Error *err);

/* Whether this version takes the property, with this value in GVariant's notation. */
bool systemd_version_knows(unsigned version, const char *name, const char *value);
