// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/cgroup/cgroup.h"

/* Makes a directory of a cgroup with its parents, such that processes can enter and limits can be
 * written. */
int cgroup_create(CgroupDirectory *directory, const OciResources *resources, Error *err);

/* Gives the directory and what the kernel lists for delegation (cgroups(7)) to a user. */
int cgroup_give(const CgroupDirectory *directory, unsigned uid, Error *err);
