// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/cgroup/cgroup.h"

/* Why a process could not be made or live in a cgroup: the kernel says "try again", or nothing at
 * all, and the cgroup's files tell that it was full. They complete an error that is filled; any
 * that has nothing to do with it stays as it is. */

/* Where no process could be made or put there, or init has died without a word. first: it was the
 * first process there, so that whatever was killed for want of memory was it. Asked by the runtime:
 * a process that it made may see the container's files in these places. */
void cgroup_explain_failure(const Cgroup *cgroup, bool first, Error *err);
