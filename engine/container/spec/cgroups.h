// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The parent of all containers' cgroups, relative to each hierarchy's root. */
#define CGROUP_PARENT "/tare"

/* At an orderly end: takes the parent away wherever no container is left in it. */
void cgroup_parents_remove(void);
