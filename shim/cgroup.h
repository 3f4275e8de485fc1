// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* The container's cgroup as the shim sees it: where its processes are listed, and the kernel's
 * count of those it killed for lack of memory (memory.events in v2, memory.oom_control in v1). Both
 * are opened while the container exists, so that no path is looked up when it has ended. */
typedef struct Cgroup {
    int directory;        /* of the memory controller or of v2, or -1 */
    int counter;          /* the file with the oom_kill line, or -1 */
    unsigned long before; /* its value when the container began: cgroups may be shared */
    bool v1;              /* what the counter is of */
} Cgroup;

#define CGROUP_NULL                                                                                \
    { .directory = -1, .counter = -1 }

/* pid: the container's init. ERROR_NOT_FOUND: neither controller is mounted. */
int cgroup_open(Cgroup *cgroup, pid_t pid, Error *err);
void cgroup_done(Cgroup *cgroup);

/* Kills for lack of memory since then. */
uint64_t cgroup_oom_kills(const Cgroup *cgroup);

/* A descriptor for the loop, to be watched for *ret_events, or -1. A notice is to be taken from it;
 * false: there will be none any more. */
int cgroup_open_oom_notice(const Cgroup *cgroup, uint32_t *ret_events);
bool cgroup_take_oom_notice(int fd);

/* In bytes; 0: not known, or no limit. */
void cgroup_memory(const Cgroup *cgroup, uint64_t *ret_peak, uint64_t *ret_limit);

/* Appends the pids in the cgroup and below; the caller frees *pids. */
int cgroup_list_pids(const Cgroup *cgroup, pid_t **pids, size_t *n, Error *err);

/* Moves a process into the cgroup `path` of every hierarchy that has one of that name.
 * ERROR_NOT_FOUND: none has. */
int cgroup_enter(const char *path, pid_t pid, Error *err);

/* The directories of a process's cgroups, by controller ("" is v2); -1 where a controller is not
 * mounted. The caller closes them. */
int cgroup_open_directories(
    pid_t pid, const char *const *controllers, size_t n, int *ret_fds, Error *err);
