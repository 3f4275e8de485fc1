// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "base/error.h"
#include "oci/runtime.h"

/* Capability sets as bits (capabilities(7)). */
typedef struct Capabilities {
    uint64_t bounding, effective, permitted, inheritable, ambient;
} Capabilities;

extern const char *const capability_names[]; /* "CAP_CHOWN", …; ends with NULL */

/* NULL is the empty sets. Names that the running kernel does not know are left out; names that
 * nobody knows, and ambient ones that cannot be, are left out with a warning in the log. */
void capabilities_parse(const OciCapabilities *config, Capabilities *ret);

/* In init. First bounding, then (after the user changed) the others. */
int capabilities_drop_bounding(const Capabilities *capabilities, Error *err);
int capabilities_apply(const Capabilities *capabilities, Error *err);
