// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "oci/runtime.h"

/* linux.memoryPolicy: on which memory nodes the process's pages are made (set_mempolicy(2)). */

extern const char *const memory_policy_modes[], *const memory_policy_flags[]; /* end with NULL */

/* ERROR_INVALID names the field. NULL is fine. */
int memory_policy_check(const OciMemoryPolicy *config, Error *err);

/* For the calling process; inherited through execve(2). */
int memory_policy_set(const OciMemoryPolicy *config, Error *err);
