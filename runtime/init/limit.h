// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include "oci/runtime.h"

/* process.rlimits (config.md#posix-process) of process `pid`, 0 for our own, by prlimit(2). Raising
 * a hard limit asks for CAP_SYS_RESOURCE in the first user namespace, so for a process in another
 * one the runtime does this. */
int limits_set(const JsonObjects *rlimits, pid_t pid, Error *err);
