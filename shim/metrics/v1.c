// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "proto/containerd/cgroups/v1.pb-c.h"
#include "shim/metrics/counter.h"
#include "shim/metrics/metrics.h"
#include "shim/metrics/network.h"

/* docs.kernel.org/admin-guide/cgroup-v1/ */

#define AT(type, member) offsetof(Io__Containerd__Cgroups__V1__##type, member)

enum {
    CPUS = 1024,
    OPERATIONS = 8, /* lines of a device in blkio files */
    USER_HZ = 100   /* unit of cpuacct.stat on every architecture that we know */
};

static const char memory_stat[] = "memory.stat", cpuacct_stat[] = "cpuacct.stat",
                  cpu_stat[] = "cpu.stat", oom_control[] = "memory.oom_control";

static const Counter pids_rows[] = {
    {"pids.current", NULL, AT(PidsStat, current)},
    {"pids.max", NULL, AT(PidsStat, limit)},
    {},
};

static const Counter usage_rows[] = {
    {"cpuacct.usage", NULL, AT(CPUUsage, total)},
    {cpuacct_stat, "user", AT(CPUUsage, user), TIME_SECOND / USER_HZ},
    {cpuacct_stat, "system", AT(CPUUsage, kernel), TIME_SECOND / USER_HZ},
    {},
};

static const Counter throttle_rows[] = {
    {cpu_stat, "nr_periods", AT(Throttle, periods)},
    {cpu_stat, "nr_throttled", AT(Throttle, throttled_periods)},
    {cpu_stat, "throttled_time", AT(Throttle, throttled_time)},
    {},
};

#define STAT(key, member)                                                                          \
    {memory_stat, key, AT(MemoryStat, member)}, {                                                  \
        memory_stat, "total_" key, AT(MemoryStat, total_##member)                                  \
    }
static const Counter memory_rows[] = {
    STAT("cache", cache),
    STAT("rss", rss),
    STAT("rss_huge", rss_huge),
    STAT("mapped_file", mapped_file),
    STAT("dirty", dirty),
    STAT("writeback", writeback),
    STAT("pgpgin", pg_pg_in),
    STAT("pgpgout", pg_pg_out),
    STAT("pgfault", pg_fault),
    STAT("pgmajfault", pg_maj_fault),
    STAT("inactive_anon", inactive_anon),
    STAT("active_anon", active_anon),
    STAT("inactive_file", inactive_file),
    STAT("active_file", active_file),
    STAT("unevictable", unevictable),
    {memory_stat, "hierarchical_memory_limit", AT(MemoryStat, hierarchical_memory_limit)},
    {memory_stat, "hierarchical_memsw_limit", AT(MemoryStat, hierarchical_swap_limit)},
    {},
};

#define ENTRY(prefix)                                                                              \
    {                                                                                              \
        {prefix ".limit_in_bytes", NULL, AT(MemoryEntry, limit)},                                  \
            {prefix ".usage_in_bytes", NULL, AT(MemoryEntry, usage)},                              \
            {prefix ".max_usage_in_bytes", NULL, AT(MemoryEntry, max)},                            \
            {prefix ".failcnt", NULL, AT(MemoryEntry, failcnt)}, {},                               \
    }
static const struct {
    Counter rows[5];
    size_t offset; /* of the pointer in MemoryStat */
} entries[] = {
    {ENTRY("memory"), AT(MemoryStat, usage)},
    {ENTRY("memory.memsw"), AT(MemoryStat, swap)},
    {ENTRY("memory.kmem"), AT(MemoryStat, kernel)},
    {ENTRY("memory.kmem.tcp"), AT(MemoryStat, kernel_tcp)},
};

static const Counter oom_rows[] = {
    {oom_control, "oom_kill_disable", AT(MemoryOomControl, oom_kill_disable)},
    {oom_control, "under_oom", AT(MemoryOomControl, under_oom)},
    {oom_control, "oom_kill", AT(MemoryOomControl, oom_kill)},
    {},
};

typedef struct BlockFile {
    Io__Containerd__Cgroups__V1__BlkIOEntry entry[METRICS_DEVICES * OPERATIONS],
        *list[METRICS_DEVICES * OPERATIONS];
    char operation[METRICS_DEVICES * OPERATIONS][8];
    size_t n;
} BlockFile;

/* Everything that one message points to. */
typedef struct Report {
    Io__Containerd__Cgroups__V1__Metrics metrics;
    Io__Containerd__Cgroups__V1__PidsStat pids;
    Io__Containerd__Cgroups__V1__CPUStat cpu;
    Io__Containerd__Cgroups__V1__CPUUsage usage;
    Io__Containerd__Cgroups__V1__Throttle throttle;
    Io__Containerd__Cgroups__V1__MemoryStat memory;
    Io__Containerd__Cgroups__V1__MemoryEntry entry[array_size(entries)];
    Io__Containerd__Cgroups__V1__MemoryOomControl oom;
    Io__Containerd__Cgroups__V1__BlkIOStat blkio;
    uint64_t per_cpu[CPUS];
    BlockFile bytes, operations;
    Io__Containerd__Cgroups__V1__HugetlbStat page[METRICS_PAGE_SIZES], *pages[METRICS_PAGE_SIZES];
    char page_name[METRICS_PAGE_SIZES][16];
    NetworkCounters counted[METRICS_NETWORKS];
    Io__Containerd__Cgroups__V1__NetworkStat network[METRICS_NETWORKS], *networks[METRICS_NETWORKS];
} Report;

static void read_cpus(Report *report, int directory) {
    autodone(Text) text = {};
    Io__Containerd__Cgroups__V1__CPUUsage *usage = &report->usage;
    counter_file(directory, "cpuacct.usage_percpu", &text);
    usage->per_cpu = report->per_cpu;
    for (char *at = text.data, *end; at && usage->n_per_cpu < CPUS; at = end) {
        uint64_t value = strtoull(at, &end, 10);
        if (end == at)
            break;
        usage->per_cpu[usage->n_per_cpu++] = value;
    }
}

static void read_memory(Report *report, int directory) {
    counters_read(directory, memory_rows, &report->memory);
    for (size_t i = 0; i < array_size(entries); i++) {
        io__containerd__cgroups__v1__memory_entry__init(&report->entry[i]);
        counters_read(directory, entries[i].rows, &report->entry[i]);
        *(void **)((char *)&report->memory + entries[i].offset) = &report->entry[i];
    }
    counters_read(directory, oom_rows, &report->oom);
}

/* "253:0 Read 4096"; the last line, "Total 8192", is of no device. */
static void take_block(void *owner, char *line) {
    BlockFile *file = owner;
    if (file->n == array_size(file->entry))
        return;
    Io__Containerd__Cgroups__V1__BlkIOEntry *entry = &file->entry[file->n];
    io__containerd__cgroups__v1__blk_ioentry__init(entry);
    if (sscanf(line, "%" SCNu64 ":%" SCNu64 " %7s %" SCNu64, &entry->major, &entry->minor,
            file->operation[file->n], &entry->value) != 4)
        return;
    entry->op = file->operation[file->n];
    file->list[file->n++] = entry;
}

/* The throttling policy counts whatever the scheduler of the disk is. */
static void read_blocks(Report *report, int directory) {
    static const char bytes[] = "blkio.throttle.io_service_bytes_recursive",
                      operations[] = "blkio.throttle.io_serviced_recursive";
    counter_lines(directory, bytes, take_block, &report->bytes);
    counter_lines(directory, operations, take_block, &report->operations);
    report->blkio.io_service_bytes_recursive = report->bytes.list;
    report->blkio.n_io_service_bytes_recursive = report->bytes.n;
    report->blkio.io_serviced_recursive = report->operations.list;
    report->blkio.n_io_serviced_recursive = report->operations.n;
}

static void take_page_size(void *owner, int directory, const char *size) {
    Report *report = owner;
    size_t i = report->metrics.n_hugetlb;
    if (i == METRICS_PAGE_SIZES || strlen(size) >= sizeof report->page_name[i])
        return;
    Io__Containerd__Cgroups__V1__HugetlbStat *page = report->pages[i] = &report->page[i];
    io__containerd__cgroups__v1__hugetlb_stat__init(page);
    page->pagesize = report->page_name[i];
    snprintf(report->page_name[i], sizeof report->page_name[i], "%s", size);
    autofree char *usage = text_format("hugetlb.%s.usage_in_bytes", size);
    autofree char *max = text_format("hugetlb.%s.max_usage_in_bytes", size);
    autofree char *failures = text_format("hugetlb.%s.failcnt", size);
    const Counter rows[] = {
        {usage, NULL, AT(HugetlbStat, usage)},
        {max, NULL, AT(HugetlbStat, max)},
        {failures, NULL, AT(HugetlbStat, failcnt)},
        {},
    };
    counters_read(directory, rows, page);
    report->metrics.n_hugetlb++;
}

static void read_networks(Report *report, pid_t pid) {
    size_t n = network_counters_read(pid, report->counted, METRICS_NETWORKS);
    for (size_t i = 0; i < n; i++) {
        NetworkCounters *from = &report->counted[i];
        report->network[i] = (Io__Containerd__Cgroups__V1__NetworkStat){
            PROTOBUF_C_MESSAGE_INIT(&io__containerd__cgroups__v1__network_stat__descriptor),
            from->name, from->rx_bytes, from->rx_packets, from->rx_errors, from->rx_dropped,
            from->tx_bytes, from->tx_packets, from->tx_errors, from->tx_dropped};
        report->networks[i] = &report->network[i];
    }
    report->metrics.n_network = n;
    report->metrics.network = report->networks;
}

static void init(Report *report) {
    io__containerd__cgroups__v1__metrics__init(&report->metrics);
    io__containerd__cgroups__v1__pids_stat__init(&report->pids);
    io__containerd__cgroups__v1__cpustat__init(&report->cpu);
    io__containerd__cgroups__v1__cpuusage__init(&report->usage);
    io__containerd__cgroups__v1__throttle__init(&report->throttle);
    io__containerd__cgroups__v1__memory_stat__init(&report->memory);
    io__containerd__cgroups__v1__memory_oom_control__init(&report->oom);
    io__containerd__cgroups__v1__blk_iostat__init(&report->blkio);
    report->cpu.usage = &report->usage;
    report->cpu.throttling = &report->throttle;
    report->metrics.pids = &report->pids;
    report->metrics.cpu = &report->cpu;
    report->metrics.memory = &report->memory;
    report->metrics.memory_oom_control = &report->oom;
    report->metrics.blkio = &report->blkio;
    report->metrics.hugetlb = report->pages;
}

void metrics_pack_v1(pid_t pid, const int *directories, Metrics *ret) {
    autofree Report *report = new (Report);
    init(report);
    counters_read(directories[METRICS_PIDS], pids_rows, &report->pids);
    if (report->pids.limit == UINT64_MAX)
        report->pids.limit = 0; /* as containerd's own shim says "none" on v1 */
    counters_read(directories[METRICS_CPUACCT], usage_rows, &report->usage);
    read_cpus(report, directories[METRICS_CPUACCT]);
    counters_read(directories[METRICS_CPU], throttle_rows, &report->throttle);
    read_memory(report, directories[METRICS_MEMORY]);
    read_blocks(report, directories[METRICS_BLKIO]);
    counter_page_sizes(directories[METRICS_HUGETLB], ".usage_in_bytes", take_page_size, report);
    read_networks(report, pid);
    ret->type = report->metrics.base.descriptor->name;
    ret->n = io__containerd__cgroups__v1__metrics__get_packed_size(&report->metrics);
    ret->data = memory_new(ret->n + 1);
    io__containerd__cgroups__v1__metrics__pack(&report->metrics, ret->data);
}
