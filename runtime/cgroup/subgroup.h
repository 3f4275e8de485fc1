// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "runtime/cgroup/cgroup.h"

/* crun's annotations for a container that is to manage cgroups itself, such as one that runs
 * systemd (crun(1)):
 *
 *     run.oci.systemd.subgroup=SUB       the container's cgroup is UNIT/SUB, not systemd's UNIT
 *     run.oci.delegate-cgroup=BELOW      its processes live in BELOW of its cgroup, which is theirs
 *
 * Limits are those of the container's cgroup, which its cgroup namespace begins at, so that nothing
 * that is done in BELOW changes them. */

/* What the annotations say; NULL: nothing. SUB is one name, BELOW a path: both without "..", which
 * is ERROR_INVALID. */
int subgroup_of_unit(const JsonMap *annotations, const char **ret, Error *err);
int subgroup_delegated(const JsonMap *annotations, const char **ret, Error *err);

/* v2: a new unit's keeper would be a process beside SUB, where no controller could be switched on:
 * it moves there. */
int subgroup_take_keeper(const Cgroup *cgroup, Error *err);

/* What is delegated, and to whom. */
typedef struct CgroupDelegation {
    Cgroup *cgroup;
    const char *below;
    int64_t uid; /* of the host; -1: it stays ours */
} CgroupDelegation;

/* Makes BELOW, moves a process of the container's cgroup there and gives it away. */
int subgroup_delegate(const CgroupDelegation *delegation, pid_t pid, Error *err);

/* The unit's own directory, to be removed with what is below; without a unit, the cgroup's. New
 * string. */
char *subgroup_top(const Cgroup *cgroup, const CgroupDirectory *directory);

/* What is below the unit's own directory: "/SUB"; "" if nothing is. Borrowed from `path`. */
const char *subgroup_below_unit(const Cgroup *cgroup, const char *path);
