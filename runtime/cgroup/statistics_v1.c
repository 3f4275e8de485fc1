// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/time.h"
#include "runtime/cgroup/statistics_text.h"

static bool has_file(const CgroupDirectory *d, const char *file) {
    autofree char *path = d ? text_format("%s/%s", d->path, file) : NULL;
    return path && file_exists(AT_FDCWD, path);
}

static uint64_t ns_of_ticks(uint64_t ticks) {
    long per_second = sysconf(_SC_CLK_TCK);
    return ticks * (uint64_t)TIME_SECOND / (uint64_t)(per_second > 0 ? per_second : 100);
}

static void read_cpu(const Cgroup *cgroup, CpuStatistics *cpu) {
    autodone(Text) text = {};
    const CgroupDirectory *account = cgroup_find(cgroup, "cpuacct");
    CpuUsage *usage = cpu->usage = new (CpuUsage);
    usage->total = statistics_uint(statistics_read_number(account, "cpuacct.usage"));
    usage->each = statistics_parse_list(statistics_read(account, "cpuacct.usage_percpu", &text));
    const char *stat = statistics_read(account, "cpuacct.stat", &text);
    usage->user = statistics_uint(ns_of_ticks(statistics_find(stat, "user")));
    usage->kernel = statistics_uint(ns_of_ticks(statistics_find(stat, "system")));
    const char *all = statistics_read(account, "cpuacct.usage_all", &text);
    usage->each_user = statistics_parse_column(all, 1);
    usage->each_kernel = statistics_parse_column(all, 2);
    stat = statistics_read(cgroup_find(cgroup, "cpu"), "cpu.stat", &text);
    if (!statistics_find(stat, "nr_periods"))
        return;
    Throttling *throttling = cpu->throttling = new (Throttling);
    throttling->periods = statistics_uint(statistics_find(stat, "nr_periods"));
    throttling->throttled_periods = statistics_uint(statistics_find(stat, "nr_throttled"));
    throttling->throttled_time = statistics_uint(statistics_find(stat, "throttled_time"));
}

static void read_cpuset(const CgroupDirectory *d, CpusetStatistics *cpuset) {
    autodone(Text) text = {};
    const struct {
        const char *file;
        JsonUint *ret;
    } rows[] = {{"cpuset.cpu_exclusive", &cpuset->cpu_exclusive},
        {"cpuset.mem_hardwall", &cpuset->mem_hardwall},
        {"cpuset.mem_exclusive", &cpuset->mem_exclusive},
        {"cpuset.memory_migrate", &cpuset->memory_migrate},
        {"cpuset.memory_spread_page", &cpuset->memory_spread_page},
        {"cpuset.memory_spread_slab", &cpuset->memory_spread_slab},
        {"cpuset.memory_pressure", &cpuset->memory_pressure},
        {"cpuset.sched_load_balance", &cpuset->sched_load_balance}};
    cpuset->cpus = statistics_parse_list(statistics_read(d, "cpuset.cpus", &text));
    cpuset->mems = statistics_parse_list(statistics_read(d, "cpuset.mems", &text));
    for (size_t i = 0; i < array_size(rows); i++)
        *rows[i].ret = statistics_uint(statistics_read_number(d, rows[i].file));
    const char *level = statistics_read(d, "cpuset.sched_relax_domain_level", &text);
    cpuset->sched_relax_domain_level = (JsonInt){*level != '\0', strtoll(level, NULL, 10)};
}

static MemoryEntry *read_memory_entry(const CgroupDirectory *d, const char *prefix) {
    autofree char *usage = text_format("%s.usage_in_bytes", prefix);
    autofree char *limit = text_format("%s.limit_in_bytes", prefix);
    autofree char *max = text_format("%s.max_usage_in_bytes", prefix);
    autofree char *failures = text_format("%s.failcnt", prefix);
    if (!has_file(d, usage))
        return NULL;
    MemoryEntry *entry = new (MemoryEntry);
    entry->usage = statistics_uint(statistics_read_number(d, usage));
    entry->limit = statistics_uint(statistics_read_number(d, limit));
    entry->max = statistics_uint(statistics_read_number(d, max));
    entry->failures = statistics_uint(statistics_read_number(d, failures));
    return entry;
}

static void read_memory(const CgroupDirectory *d, MemoryStatistics *memory) {
    autodone(Text) text = {};
    const char *stat = statistics_read(d, "memory.stat", &text);
    memory->raw = statistics_parse_map(stat);
    memory->cache = statistics_uint(statistics_find(stat, "cache"));
    memory->usage = read_memory_entry(d, "memory");
    memory->swap = read_memory_entry(d, "memory.memsw");
    memory->kernel = read_memory_entry(d, "memory.kmem");
    memory->kernel_tcp = read_memory_entry(d, "memory.kmem.tcp");
}

/* Which files there are depends on the I/O scheduler and on the kernel's age: the first family
 * that has the bytes serves. */
static void read_blkio(const CgroupDirectory *d, BlockIoStatistics *io) {
    static const struct {
        const char *bytes, *serviced;
    } families[] = {
        {"blkio.bfq.io_service_bytes_recursive", "blkio.bfq.io_serviced_recursive"},
        {"blkio.io_service_bytes_recursive", "blkio.io_serviced_recursive"},
        {"blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_serviced_recursive"},
        {"blkio.throttle.io_service_bytes", "blkio.throttle.io_serviced"},
    };
    const struct {
        const char *bfq, *cfq;
        JsonObjects *ret;
    } more[] = {{"blkio.bfq.io_queued_recursive", "blkio.io_queued_recursive", &io->queued},
        {"blkio.bfq.io_service_time_recursive", "blkio.io_service_time_recursive",
            &io->service_time},
        {"blkio.bfq.io_wait_time_recursive", "blkio.io_wait_time_recursive", &io->wait_time},
        {"blkio.bfq.io_merged_recursive", "blkio.io_merged_recursive", &io->merged},
        {"blkio.bfq.time_recursive", "blkio.time_recursive", &io->time},
        {"blkio.bfq.sectors_recursive", "blkio.sectors_recursive", &io->sectors}};
    autodone(Text) text = {};
    for (size_t i = 0; i < array_size(families) && !io->bytes.n; i++) {
        statistics_parse_blkio(statistics_read(d, families[i].bytes, &text), &io->bytes);
        if (io->bytes.n)
            statistics_parse_blkio(statistics_read(d, families[i].serviced, &text), &io->serviced);
    }
    for (size_t i = 0; i < array_size(more); i++) {
        const char *file = has_file(d, more[i].bfq) ? more[i].bfq : more[i].cfq;
        statistics_parse_blkio(statistics_read(d, file, &text), more[i].ret);
    }
}

static void read_hugetlb_size(const CgroupDirectory *d, const char *size, JsonObjectMap *ret) {
    autofree char *prefix = text_format("hugetlb.%s.rsvd", size);
    autofree char *probe = text_format("%s.usage_in_bytes", prefix);
    if (!has_file(d, probe))
        prefix[strlen(prefix) - strlen(".rsvd")] = '\0';
    autofree char *usage = text_format("%s.usage_in_bytes", prefix);
    autofree char *max = text_format("%s.max_usage_in_bytes", prefix);
    autofree char *failures = text_format("%s.failcnt", prefix);
    HugetlbStatistics *one = json_object_map_add(ret, size, &statistics_hugetlb_type);
    one->usage = statistics_uint(statistics_read_number(d, usage));
    one->max = statistics_uint(statistics_read_number(d, max));
    one->failures = statistics_uint(statistics_read_number(d, failures));
}

/* The page sizes are in the files' names: hugetlb.2MB.failcnt. */
static void read_hugetlb(const CgroupDirectory *d, JsonObjectMap *ret) {
    DIR *stream = d ? opendir(d->path) : NULL;
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        const char *size = entry->d_name + strlen("hugetlb.");
        if (!text_starts(entry->d_name, "hugetlb.") || !text_ends(size, ".failcnt") ||
            text_ends(size, ".rsvd.failcnt"))
            continue;
        autofree char *name = text_copy_n(size, strlen(size) - strlen(".failcnt"));
        read_hugetlb_size(d, name, ret);
    }
    if (stream)
        closedir(stream);
}

void statistics_read_v1(const Cgroup *cgroup, Statistics *ret) {
    read_cpu(cgroup, ret->cpu);
    read_cpuset(cgroup_find(cgroup, "cpuset"), ret->cpuset);
    read_memory(cgroup_find(cgroup, "memory"), ret->memory);
    statistics_read_pids(cgroup_find(cgroup, "pids"), ret->pids);
    read_blkio(cgroup_find(cgroup, "blkio"), ret->block_io);
    read_hugetlb(cgroup_find(cgroup, "hugetlb"), &ret->hugetlb);
}
