// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "runtime/cgroup/statistics_text.h"

enum {
    MICROSECOND = 1000 /* ns */
};

static PressureStatistics *read_pressure(const CgroupDirectory *d, const char *file) {
    autodone(Text) text = {};
    return statistics_parse_pressure(statistics_read(d, file, &text));
}

static void read_cpu(const CgroupDirectory *d, CpuStatistics *cpu) {
    autodone(Text) text = {};
    const char *stat = statistics_read(d, "cpu.stat", &text);
    cpu->usage = new (CpuUsage);
    cpu->usage->total = statistics_uint(statistics_find(stat, "usage_usec") * MICROSECOND);
    cpu->usage->user = statistics_uint(statistics_find(stat, "user_usec") * MICROSECOND);
    cpu->usage->kernel = statistics_uint(statistics_find(stat, "system_usec") * MICROSECOND);
    if (statistics_find(stat, "nr_periods")) {
        Throttling *throttling = cpu->throttling = new (Throttling);
        throttling->periods = statistics_uint(statistics_find(stat, "nr_periods"));
        throttling->throttled_periods = statistics_uint(statistics_find(stat, "nr_throttled"));
        throttling->throttled_time =
            statistics_uint(statistics_find(stat, "throttled_usec") * MICROSECOND);
    }
    cpu->pressure = read_pressure(d, "cpu.pressure");
}

static MemoryEntry *new_entry(uint64_t limit, uint64_t usage, uint64_t max) {
    MemoryEntry *entry = new (MemoryEntry);
    *entry = (MemoryEntry){
        .limit = {true, limit}, .usage = statistics_uint(usage), .max = statistics_uint(max)};
    return entry;
}

/* Swap as v1 counts it: together with memory; a highest value of both is not known. */
static void read_memory(const CgroupDirectory *d, MemoryStatistics *memory) {
    autodone(Text) text = {};
    const char *stat = statistics_read(d, "memory.stat", &text);
    memory->raw = statistics_parse_map(stat);
    memory->cache = statistics_uint(statistics_find(stat, "file"));
    uint64_t limit = statistics_read_number(d, "memory.max"),
             usage = statistics_read_number(d, "memory.current");
    uint64_t swap_limit = statistics_read_number(d, "memory.swap.max");
    if (limit)
        memory->usage = new_entry(limit, usage, statistics_read_number(d, "memory.peak"));
    bool endless = limit == UINT64_MAX || swap_limit == UINT64_MAX;
    if (limit)
        memory->swap = new_entry(endless ? UINT64_MAX : limit + swap_limit,
            usage + statistics_read_number(d, "memory.swap.current"), 0);
    memory->pressure = read_pressure(d, "memory.pressure");
}

static void read_io(const CgroupDirectory *d, BlockIoStatistics *io) {
    autodone(Text) text = {};
    statistics_parse_io(statistics_read(d, "io.stat", &text), &io->bytes, &io->serviced);
    io->pressure = read_pressure(d, "io.pressure");
}

static void read_hugetlb_size(const CgroupDirectory *d, const char *size, JsonObjectMap *ret) {
    autodone(Text) text = {};
    autofree char *reserved = text_format("hugetlb.%s.rsvd.current", size);
    autofree char *plain = text_format("hugetlb.%s.current", size);
    autofree char *events = text_format("hugetlb.%s.events", size);
    bool has_reserved = *statistics_read(d, reserved, &text);
    HugetlbStatistics *one = json_object_map_add(ret, size, &statistics_hugetlb_type);
    one->usage = statistics_uint(statistics_read_number(d, has_reserved ? reserved : plain));
    one->failures = statistics_uint(statistics_find(statistics_read(d, events, &text), "max"));
}

/* The page sizes are in the files' names: hugetlb.2MB.max. */
static void read_hugetlb(const CgroupDirectory *d, JsonObjectMap *ret) {
    DIR *stream = opendir(d->path);
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        const char *size = entry->d_name + strlen("hugetlb.");
        if (!text_starts(entry->d_name, "hugetlb.") || !text_ends(size, ".max") ||
            text_ends(size, ".rsvd.max"))
            continue;
        autofree char *name = text_copy_n(size, strlen(size) - strlen(".max"));
        read_hugetlb_size(d, name, ret);
    }
    if (stream)
        closedir(stream);
}

void statistics_read_v2(const CgroupDirectory *d, Statistics *ret) {
    read_cpu(d, ret->cpu);
    read_memory(d, ret->memory);
    statistics_read_pids(d, ret->pids);
    read_io(d, ret->block_io);
    read_hugetlb(d, &ret->hugetlb);
}
