// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "oci/runtime.h"

/* The CPUs that a process runs on: process.execCPUAffinity for what `exec` starts; whatever the
 * container's cgroup allows for everything else, however narrow the caller's own affinity is. */

/* ERROR_INVALID names the field. */
int affinity_check(const OciCpuAffinity *config, Error *err);

/* In the runtime, before it clones: the process begins on these CPUs, before it enters its cgroup.
 */
int affinity_begin(const OciCpuAffinity *config, Error *err);

/* In the process, in its cgroup. */
int affinity_settle(const OciCpuAffinity *config, Error *err);
