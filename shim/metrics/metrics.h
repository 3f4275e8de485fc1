// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* What the kernel counts for a container, as containerd's clients read it: a packed
 * io.containerd.cgroups.v1.Metrics where v1 controllers are mounted, else one of v2. Collecting
 * opens files of the cgroup and keeps none: a shim that nobody asks pays nothing. */
typedef struct Metrics {
    const char *type; /* full name of the message */
    uint8_t *data;    /* the caller frees it */
    size_t n;
} Metrics;

/* init: a process of the container that is alive. */
int metrics_collect(pid_t init, Metrics *ret, Error *err);

/* The two forms; directories by METRICS_* of their file, -1 where a controller is not there. */
enum {
    METRICS_NETWORKS = 32, /* interfaces that are told of */
    METRICS_DEVICES = 256,
    METRICS_PAGE_SIZES = 8
};
void metrics_pack_v1(pid_t pid, const int *directories, Metrics *ret);
void metrics_pack_v2(pid_t pid, int directory, Metrics *ret);

typedef enum MetricsV1 {
    METRICS_MEMORY,
    METRICS_CPUACCT,
    METRICS_CPU,
    METRICS_PIDS,
    METRICS_BLKIO,
    METRICS_HUGETLB,
    METRICS_V1
} MetricsV1;
