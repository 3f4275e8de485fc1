// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/cleanup.h"
#include "runtime/cgroup/cgroup.h"

/* Tells when the kernel has killed a process of a cgroup for want of memory, and when the cgroup
 * has come to its end: v1 by an eventfd (kernel: cgroup-v1/memory.rst, "memory thresholds"), v2 by
 * inotify on memory.events and cgroup.events. */
typedef struct OomWatch {
    int fd; /* becomes readable when there may be something to tell */
    int file;
    char *directory;
    bool v2;
    uint64_t kills;
} OomWatch;

typedef enum OomNews {
    OOM_NOTHING,
    OOM_KILLED,
    OOM_END, /* no more will come */
} OomNews;

int oom_watch_open(OomWatch *watch, const Cgroup *cgroup, Error *err);

/* Never waits; after OOM_KILLED there may be more. */
OomNews oom_watch_read(OomWatch *watch);
void oom_watch_done(OomWatch *watch);
CLEANUP_DEFINE_DONE(OomWatch, oom_watch_done)
