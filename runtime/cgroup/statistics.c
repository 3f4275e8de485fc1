// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/statistics.h"

#include <errno.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

#define T Pressure
static const JsonField pressure_fields[] = {
    {"avg10", JSON_NUMBER, JSON_AT(avg10), .flags = JSON_ALWAYS},
    {"avg60", JSON_NUMBER, JSON_AT(avg60), .flags = JSON_ALWAYS},
    {"avg300", JSON_NUMBER, JSON_AT(avg300), .flags = JSON_ALWAYS},
    {"total", JSON_UINT, JSON_AT(total), .flags = JSON_ALWAYS},
    {},
};
static const JsonType pressure_type = {sizeof(T), pressure_fields};
#undef T

#define T PressureStatistics
static const JsonField pressure_statistics_fields[] = {
    {"some", JSON_OBJECT, JSON_AT(some), &pressure_type, JSON_ALWAYS},
    {"full", JSON_OBJECT, JSON_AT(full), &pressure_type, JSON_ALWAYS},
    {},
};
static const JsonType pressure_statistics_type = {sizeof(T), pressure_statistics_fields};
#undef T

#define T CpuUsage
static const JsonField cpu_usage_fields[] = {
    {"total", JSON_UINT, JSON_AT(total)},
    {"percpu", JSON_UINTS, JSON_AT(each)},
    {"percpu_kernel", JSON_UINTS, JSON_AT(each_kernel)},
    {"percpu_user", JSON_UINTS, JSON_AT(each_user)},
    {"kernel", JSON_UINT, JSON_AT(kernel), .flags = JSON_ALWAYS},
    {"user", JSON_UINT, JSON_AT(user), .flags = JSON_ALWAYS},
    {},
};
static const JsonType cpu_usage_type = {sizeof(T), cpu_usage_fields};
#undef T

#define T Throttling
static const JsonField throttling_fields[] = {
    {"periods", JSON_UINT, JSON_AT(periods)},
    {"throttledPeriods", JSON_UINT, JSON_AT(throttled_periods)},
    {"throttledTime", JSON_UINT, JSON_AT(throttled_time)},
    {},
};
static const JsonType throttling_type = {sizeof(T), throttling_fields};
#undef T

#define T CpuStatistics
static const JsonField cpu_fields[] = {
    {"usage", JSON_OBJECT, JSON_AT(usage), &cpu_usage_type},
    {"throttling", JSON_OBJECT, JSON_AT(throttling), &throttling_type},
    {"psi", JSON_OBJECT, JSON_AT(pressure), &pressure_statistics_type},
    {},
};
static const JsonType cpu_type = {sizeof(T), cpu_fields};
#undef T

#define T CpusetStatistics
#define ALWAYS_UINT(name, member)                                                                  \
    { name, JSON_UINT, JSON_AT(member), .flags = JSON_ALWAYS }
static const JsonField cpuset_fields[] = {
    {"cpus", JSON_UINTS, JSON_AT(cpus)},
    ALWAYS_UINT("cpu_exclusive", cpu_exclusive),
    {"mems", JSON_UINTS, JSON_AT(mems)},
    ALWAYS_UINT("mem_hardwall", mem_hardwall),
    ALWAYS_UINT("mem_exclusive", mem_exclusive),
    ALWAYS_UINT("memory_migrate", memory_migrate),
    ALWAYS_UINT("memory_spread_page", memory_spread_page),
    ALWAYS_UINT("memory_spread_slab", memory_spread_slab),
    ALWAYS_UINT("memory_pressure", memory_pressure),
    ALWAYS_UINT("sched_load_balance", sched_load_balance),
    {"sched_relax_domain_level", JSON_INT, JSON_AT(sched_relax_domain_level), .flags = JSON_ALWAYS},
    {},
};
static const JsonType cpuset_type = {sizeof(T), cpuset_fields};
#undef T

#define T MemoryEntry
static const JsonField memory_entry_fields[] = {
    ALWAYS_UINT("limit", limit),
    {"usage", JSON_UINT, JSON_AT(usage)},
    {"max", JSON_UINT, JSON_AT(max)},
    ALWAYS_UINT("failcnt", failures),
    {},
};
static const JsonType memory_entry_type = {sizeof(T), memory_entry_fields};
#undef T

#define T MemoryStatistics
static const JsonField memory_fields[] = {
    {"cache", JSON_UINT, JSON_AT(cache)},
    {"usage", JSON_OBJECT, JSON_AT(usage), &memory_entry_type},
    {"swap", JSON_OBJECT, JSON_AT(swap), &memory_entry_type},
    {"kernel", JSON_OBJECT, JSON_AT(kernel), &memory_entry_type},
    {"kernelTCP", JSON_OBJECT, JSON_AT(kernel_tcp), &memory_entry_type},
    {"raw", JSON_RAW, JSON_AT(raw)},
    {"psi", JSON_OBJECT, JSON_AT(pressure), &pressure_statistics_type},
    {},
};
static const JsonType memory_type = {sizeof(T), memory_fields};
#undef T

#define T PidsStatistics
static const JsonField pids_fields[] = {
    {"current", JSON_UINT, JSON_AT(current)},
    {"limit", JSON_UINT, JSON_AT(limit)},
    {},
};
static const JsonType pids_type = {sizeof(T), pids_fields};
#undef T

#define T BlockIoEntry
static const JsonField block_io_entry_fields[] = {
    {"major", JSON_UINT, JSON_AT(major)},
    {"minor", JSON_UINT, JSON_AT(minor)},
    {"op", JSON_TEXT, JSON_AT(operation)},
    {"value", JSON_UINT, JSON_AT(value)},
    {},
};
const JsonType statistics_block_io_entry_type = {sizeof(T), block_io_entry_fields};
#undef T

#define T BlockIoStatistics
#define ENTRIES(name, member)                                                                      \
    { name, JSON_OBJECTS, JSON_AT(member), &statistics_block_io_entry_type }
static const JsonField block_io_fields[] = {
    ENTRIES("ioServiceBytesRecursive", bytes),
    ENTRIES("ioServicedRecursive", serviced),
    ENTRIES("ioQueueRecursive", queued),
    ENTRIES("ioServiceTimeRecursive", service_time),
    ENTRIES("ioWaitTimeRecursive", wait_time),
    ENTRIES("ioMergedRecursive", merged),
    ENTRIES("ioTimeRecursive", time),
    ENTRIES("sectorsRecursive", sectors),
    {"psi", JSON_OBJECT, JSON_AT(pressure), &pressure_statistics_type},
    {},
};
static const JsonType block_io_type = {sizeof(T), block_io_fields};
#undef T

#define T HugetlbStatistics
static const JsonField hugetlb_fields[] = {
    {"usage", JSON_UINT, JSON_AT(usage)},
    {"max", JSON_UINT, JSON_AT(max)},
    ALWAYS_UINT("failcnt", failures),
    {},
};
const JsonType statistics_hugetlb_type = {sizeof(T), hugetlb_fields};
#undef T

#define T Statistics
static const JsonField statistics_fields[] = {
    {"cpu", JSON_OBJECT, JSON_AT(cpu), &cpu_type, JSON_ALWAYS},
    {"cpuset", JSON_OBJECT, JSON_AT(cpuset), &cpuset_type, JSON_ALWAYS},
    {"memory", JSON_OBJECT, JSON_AT(memory), &memory_type, JSON_ALWAYS},
    {"pids", JSON_OBJECT, JSON_AT(pids), &pids_type, JSON_ALWAYS},
    {"blkio", JSON_OBJECT, JSON_AT(block_io), &block_io_type, JSON_ALWAYS},
    {"hugetlb", JSON_OBJECT_MAP, JSON_AT(hugetlb), &statistics_hugetlb_type, JSON_ALWAYS},
    {"intel_rdt", JSON_RAW, JSON_AT(intel_rdt), .flags = JSON_ALWAYS},
    {"network_interfaces", JSON_RAW, JSON_AT(interfaces), .flags = JSON_NULL},
    {},
};
const JsonType statistics_type = {sizeof(T), statistics_fields};
#undef T

int cgroup_statistics(const Cgroup *cgroup, Statistics *ret, Error *err) {
    const CgroupDirectory *first = cgroup->n ? &cgroup->item[0] : NULL;
    if (!first || access(first->path, F_OK) < 0)
        return error_set(err, ERROR_NOT_FOUND, "the container has no cgroup");
    ret->cpu = new (CpuStatistics);
    ret->cpuset = new (CpusetStatistics);
    ret->memory = new (MemoryStatistics);
    ret->pids = new (PidsStatistics);
    ret->block_io = new (BlockIoStatistics);
    if (cgroup->v2)
        statistics_read_v2(first, ret);
    else
        statistics_read_v1(cgroup, ret);
    return 0;
}
