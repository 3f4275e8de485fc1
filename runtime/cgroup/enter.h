// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/cgroup/cgroup.h"

/* How a process gets into a container's cgroup: by clone3 into the unified hierarchy, by its own
 * write into those of v1. */

/* Where a process that joins shall go, other than to the cgroup itself: `exec --cgroup`,
 * "[CONTROLLER[,CONTROLLER…]:]PATH" each. Changes the directories' paths. ERROR_INVALID. */
int cgroup_select(Cgroup *cgroup, const char *const *words, size_t n, Error *err);

/* Opens what is needed below, in directories that exist. */
int cgroup_open(Cgroup *cgroup, Error *err);
int cgroup_open_one(CgroupDirectory *directory, Error *err);

/* Descriptor for CLONE_INTO_CGROUP, or -1. */
int cgroup_unified_fd(const Cgroup *cgroup);

/* To a child that was cloned before the v1 directories were there (cgroup_can_follow). */
int cgroup_send(const Cgroup *cgroup, int socket, Error *err);
int cgroup_receive(Cgroup *cgroup, int socket, Error *err);

/* In the child: enters the v1 directories. */
int cgroup_enter(const Cgroup *cgroup, Error *err);

/* In the parent: puts another process into the unified directory, where clone3 could not; or where
 * the container's first process is, if that has left it. */
int cgroup_add_unified(const Cgroup *cgroup, int pid, Error *err);
