// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/cgroup/cgroup.h"

/* What a cgroup has used, in the shape of the reference runtime's `events`, whose names and
 * meanings are v1's: 0 is left out. */

typedef struct Pressure {
    JsonNumber avg10, avg60, avg300;
    JsonUint total;
} Pressure;

typedef struct PressureStatistics {
    Pressure *some, *full;
} PressureStatistics;

typedef struct CpuUsage {
    JsonUint total, kernel, user; /* ns */
    JsonUints each, each_kernel, each_user;
} CpuUsage;

typedef struct Throttling {
    JsonUint periods, throttled_periods, throttled_time;
} Throttling;

typedef struct CpuStatistics {
    CpuUsage *usage;
    Throttling *throttling;
    PressureStatistics *pressure;
} CpuStatistics;

typedef struct CpusetStatistics {
    JsonUints cpus, mems;
    JsonUint cpu_exclusive, mem_hardwall, mem_exclusive, memory_migrate, memory_spread_page,
        memory_spread_slab, memory_pressure, sched_load_balance;
    JsonInt sched_relax_domain_level;
} CpusetStatistics;

typedef struct MemoryEntry {
    JsonUint limit, usage, max, failures;
} MemoryEntry;

typedef struct MemoryStatistics {
    JsonUint cache;
    MemoryEntry *usage, *swap, *kernel, *kernel_tcp;
    char *raw; /* JSON: memory.stat */
    PressureStatistics *pressure;
} MemoryStatistics;

typedef struct PidsStatistics {
    JsonUint current, limit;
} PidsStatistics;

typedef struct BlockIoEntry {
    JsonUint major, minor;
    char *operation;
    JsonUint value;
} BlockIoEntry;

typedef struct BlockIoStatistics {
    /* BlockIoEntry */
    JsonObjects bytes, serviced, queued, service_time, wait_time, merged, time, sectors;
    PressureStatistics *pressure;
} BlockIoStatistics;

typedef struct HugetlbStatistics {
    JsonUint usage, max, failures;
} HugetlbStatistics;

typedef struct Statistics {
    CpuStatistics *cpu;
    CpusetStatistics *cpuset;
    MemoryStatistics *memory;
    PidsStatistics *pids;
    BlockIoStatistics *block_io;
    JsonObjectMap hugetlb; /* HugetlbStatistics */
    char *intel_rdt;       /* JSON, by whoever knows the configuration; NULL: none */
    char *interfaces;      /* always empty */
} Statistics;

extern const JsonType statistics_type, statistics_block_io_entry_type, statistics_hugetlb_type;

/* What a controller that is missing would say is absent; release with json_done. */
int cgroup_statistics(const Cgroup *cgroup, Statistics *ret, Error *err);

void statistics_read_v1(const Cgroup *cgroup, Statistics *ret);
void statistics_read_v2(const CgroupDirectory *directory, Statistics *ret);
