// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "proto/containerd/cgroups/v2.pb-c.h"
#include "shim/metrics/counter.h"
#include "shim/metrics/metrics.h"
#include "shim/metrics/network.h"

/* docs.kernel.org/admin-guide/cgroup-v2.html, "Controllers" */

#define AT(type, member) offsetof(Io__Containerd__Cgroups__V2__##type, member)

static const Counter pids_rows[] = {
    {"pids.current", NULL, AT(PidsStat, current)},
    {"pids.max", NULL, AT(PidsStat, limit)},
    {},
};

static const char cpu_stat[] = "cpu.stat", memory_stat[] = "memory.stat",
                  memory_events[] = "memory.events";

static const Counter cpu_rows[] = {
    {cpu_stat, "usage_usec", AT(CPUStat, usage_usec)},
    {cpu_stat, "user_usec", AT(CPUStat, user_usec)},
    {cpu_stat, "system_usec", AT(CPUStat, system_usec)},
    {cpu_stat, "nr_periods", AT(CPUStat, nr_periods)},
    {cpu_stat, "nr_throttled", AT(CPUStat, nr_throttled)},
    {cpu_stat, "throttled_usec", AT(CPUStat, throttled_usec)},
    {cpu_stat, "nr_bursts", AT(CPUStat, nr_bursts)},
    {cpu_stat, "burst_usec", AT(CPUStat, burst_usec)},
    {},
};

#define STAT(member)                                                                               \
    { memory_stat, #member, AT(MemoryStat, member) }
static const Counter memory_rows[] = {
    STAT(anon),
    STAT(file),
    STAT(kernel_stack),
    STAT(slab),
    STAT(sock),
    STAT(shmem),
    STAT(file_mapped),
    STAT(file_dirty),
    STAT(file_writeback),
    {memory_stat, "anon_thp", AT(MemoryStat, anon_thp)},
    STAT(inactive_anon),
    STAT(active_anon),
    STAT(inactive_file),
    STAT(active_file),
    STAT(unevictable),
    STAT(slab_reclaimable),
    STAT(slab_unreclaimable),
    STAT(pgfault),
    STAT(pgmajfault),
    /* one counter until Linux 5.9, then one for each kind of page */
    {memory_stat, "workingset_refault_file", AT(MemoryStat, workingset_refault)},
    {memory_stat, "workingset_activate_file", AT(MemoryStat, workingset_activate)},
    STAT(workingset_nodereclaim),
    STAT(pgrefill),
    STAT(pgscan),
    STAT(pgsteal),
    STAT(pgactivate),
    STAT(pgdeactivate),
    STAT(pglazyfree),
    STAT(pglazyfreed),
    STAT(thp_fault_alloc),
    STAT(thp_collapse_alloc),
    {"memory.current", NULL, AT(MemoryStat, usage)},
    {"memory.max", NULL, AT(MemoryStat, usage_limit)},
    {"memory.swap.current", NULL, AT(MemoryStat, swap_usage)},
    {"memory.swap.max", NULL, AT(MemoryStat, swap_limit)},
    {"memory.peak", NULL, AT(MemoryStat, max_usage)},
    {"memory.swap.peak", NULL, AT(MemoryStat, swap_max_usage)},
    {},
};

static const Counter event_rows[] = {
    {memory_events, "low", AT(MemoryEvents, low)},
    {memory_events, "high", AT(MemoryEvents, high)},
    {memory_events, "max", AT(MemoryEvents, max)},
    {memory_events, "oom", AT(MemoryEvents, oom)},
    {memory_events, "oom_kill", AT(MemoryEvents, oom_kill)},
    {memory_events, "oom_group_kill", AT(MemoryEvents, oom_group_kill)},
    {},
};

/* Everything that one message points to. */
typedef struct Report {
    Io__Containerd__Cgroups__V2__Metrics metrics;
    Io__Containerd__Cgroups__V2__PidsStat pids;
    Io__Containerd__Cgroups__V2__CPUStat cpu;
    Io__Containerd__Cgroups__V2__MemoryStat memory;
    Io__Containerd__Cgroups__V2__MemoryEvents events;
    Io__Containerd__Cgroups__V2__IOStat io;
    struct {
        Io__Containerd__Cgroups__V2__PSIStats stats;
        Io__Containerd__Cgroups__V2__PSIData some, full;
    } pressure[3];
    Io__Containerd__Cgroups__V2__IOEntry device[METRICS_DEVICES], *devices[METRICS_DEVICES];
    Io__Containerd__Cgroups__V2__HugeTlbStat page[METRICS_PAGE_SIZES], *pages[METRICS_PAGE_SIZES];
    char page_name[METRICS_PAGE_SIZES][16];
    NetworkCounters counted[METRICS_NETWORKS];
    Io__Containerd__Cgroups__V2__NetworkStat network[METRICS_NETWORKS], *networks[METRICS_NETWORKS];
} Report;

/* "253:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6", keys as the device has them */
static void take_device(void *owner, char *line) {
    static const Counter keys[] = {
        {NULL, "rbytes", AT(IOEntry, rbytes)},
        {NULL, "wbytes", AT(IOEntry, wbytes)},
        {NULL, "rios", AT(IOEntry, rios)},
        {NULL, "wios", AT(IOEntry, wios)},
    };
    Report *report = owner;
    Io__Containerd__Cgroups__V2__IOStat *io = &report->io;
    Io__Containerd__Cgroups__V2__IOEntry *entry = &report->device[io->n_usage];
    if (io->n_usage == METRICS_DEVICES)
        return;
    io__containerd__cgroups__v2__ioentry__init(entry);
    if (sscanf(line, "%" SCNu64 ":%" SCNu64, &entry->major, &entry->minor) != 2)
        return;
    for (char *rest = line, *word; (word = strsep(&rest, " "));)
        for (size_t i = 0; i < array_size(keys); i++) {
            size_t n = strlen(keys[i].key);
            if (strncmp(word, keys[i].key, n) == 0 && word[n] == '=')
                *(uint64_t *)((char *)entry + keys[i].offset) = strtoull(word + n + 1, NULL, 10);
        }
    io->usage[io->n_usage++] = entry;
}

static void take_page_size(void *owner, int directory, const char *size) {
    Report *report = owner;
    size_t i = report->metrics.n_hugetlb;
    if (i == METRICS_PAGE_SIZES || strlen(size) >= sizeof report->page_name[i])
        return;
    Io__Containerd__Cgroups__V2__HugeTlbStat *page = report->pages[i] = &report->page[i];
    io__containerd__cgroups__v2__huge_tlb_stat__init(page);
    page->pagesize = report->page_name[i];
    snprintf(report->page_name[i], sizeof report->page_name[i], "%s", size);
    autofree char *current = text_format("hugetlb.%s.current", size);
    autofree char *max = text_format("hugetlb.%s.max", size);
    autofree char *events = text_format("hugetlb.%s.events", size);
    const Counter rows[] = {
        {current, NULL, AT(HugeTlbStat, current)},
        {max, NULL, AT(HugeTlbStat, max)},
        {events, "max", AT(HugeTlbStat, failcnt)},
        {},
    };
    counters_read(directory, rows, page);
    report->metrics.n_hugetlb++;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", the same for full (which cpu.pressure lacks
 * before Linux 5.13); NULL where the kernel does not measure it */
static Io__Containerd__Cgroups__V2__PSIStats *read_pressure(
    Report *report, int which, int directory, const char *file) {
    static const char form[] = " avg10=%lf avg60=%lf avg300=%lf total=%" SCNu64;
    autodone(Text) text = {};
    if (!counter_file(directory, file, &text))
        return NULL;
    Io__Containerd__Cgroups__V2__PSIStats *stats = &report->pressure[which].stats;
    Io__Containerd__Cgroups__V2__PSIData *data[] = {
        &report->pressure[which].some, &report->pressure[which].full};
    static const char *const names[] = {"some", "full"};
    io__containerd__cgroups__v2__psistats__init(stats);
    for (int i = 0; i < 2; i++) {
        const char *line = text.length ? strstr(text.data, names[i]) : NULL;
        io__containerd__cgroups__v2__psidata__init(data[i]);
        if (line)
            sscanf(line + strlen(names[i]), form, &data[i]->avg10, &data[i]->avg60,
                &data[i]->avg300, &data[i]->total);
    }
    stats->some = data[0];
    stats->full = data[1];
    return stats;
}

static void read_networks(Report *report, pid_t pid) {
    size_t n = network_counters_read(pid, report->counted, METRICS_NETWORKS);
    for (size_t i = 0; i < n; i++) {
        NetworkCounters *from = &report->counted[i];
        report->network[i] = (Io__Containerd__Cgroups__V2__NetworkStat){
            PROTOBUF_C_MESSAGE_INIT(&io__containerd__cgroups__v2__network_stat__descriptor),
            from->name, from->rx_bytes, from->rx_packets, from->rx_errors, from->rx_dropped,
            from->tx_bytes, from->tx_packets, from->tx_errors, from->tx_dropped};
        report->networks[i] = &report->network[i];
    }
    report->metrics.n_network = n;
    report->metrics.network = report->networks;
}

void metrics_pack_v2(pid_t pid, int directory, Metrics *ret) {
    autofree Report *report = new (Report);
    io__containerd__cgroups__v2__metrics__init(&report->metrics);
    io__containerd__cgroups__v2__pids_stat__init(&report->pids);
    io__containerd__cgroups__v2__cpustat__init(&report->cpu);
    io__containerd__cgroups__v2__memory_stat__init(&report->memory);
    io__containerd__cgroups__v2__memory_events__init(&report->events);
    io__containerd__cgroups__v2__iostat__init(&report->io);
    counters_read(directory, pids_rows, &report->pids);
    counters_read(directory, cpu_rows, &report->cpu);
    counters_read(directory, memory_rows, &report->memory);
    counters_read(directory, event_rows, &report->events);
    report->io.usage = report->devices;
    counter_lines(directory, "io.stat", take_device, report);
    report->metrics.hugetlb = report->pages;
    counter_page_sizes(directory, ".current", take_page_size, report);
    report->cpu.psi = read_pressure(report, 0, directory, "cpu.pressure");
    report->memory.psi = read_pressure(report, 1, directory, "memory.pressure");
    report->io.psi = read_pressure(report, 2, directory, "io.pressure");
    read_networks(report, pid);
    report->metrics.pids = &report->pids;
    report->metrics.cpu = &report->cpu;
    report->metrics.memory = &report->memory;
    report->metrics.memory_events = &report->events;
    report->metrics.io = &report->io;
    ret->type = report->metrics.base.descriptor->name;
    ret->n = io__containerd__cgroups__v2__metrics__get_packed_size(&report->metrics);
    ret->data = memory_new(ret->n + 1);
    io__containerd__cgroups__v2__metrics__pack(&report->metrics, ret->data);
}
