// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

/* The cgroup hierarchies that are mounted (proc_pid_mountinfo(5)) with our own place in each
 * (cgroups(7), /proc/PID/cgroup). */
typedef struct Hierarchy {
    char *controllers; /* as in /proc/self/cgroup: "cpu,cpuacct", "name=systemd", "" for v2 */
    char *mount, *root, *own;
} Hierarchy;

typedef struct Hierarchies {
    Hierarchy *item;
    size_t n;
} Hierarchies;

int hierarchies_find(Hierarchies *ret, Error *err);
void hierarchies_done(Hierarchies *hierarchies);
CLEANUP_DEFINE_DONE(Hierarchies, hierarchies_done)

/* Whether the comma-separated list holds `controller`; "" holds only "". */
bool hierarchy_has(const char *controllers, const char *controller);

/* For tests: from the texts of the two files. */
void hierarchies_parse(Hierarchies *ret, char *mountinfo, char *cgroups);
