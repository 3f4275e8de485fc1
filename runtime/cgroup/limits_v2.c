// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "runtime/cgroup/limits.h"

enum {
    WEIGHT_MAX = 10000,
    SHARES_MAX = 262144,
    DEFAULT_PERIOD = 100000, /* µs, kernel: admin-guide/cgroup-v2.rst */
    NUMBER_MAX = 64
};

/* A curve through (2, 1), (1024, 100) and (262144, 10000) in logarithms; the straight line that was
 * used before gave the default of 1024 shares a weight of 39, far below v2's own default. */
uint64_t limits_weight_of_shares(uint64_t shares) {
    if (shares == 0)
        return 0;
    if (shares <= 2)
        return 1;
    if (shares >= SHARES_MAX)
        return WEIGHT_MAX;
    double l = log2((double)shares);
    return (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0));
}

uint64_t limits_io_weight(uint64_t weight) {
    if (weight == 0)
        return 0;
    weight = weight < 10 ? 10 : weight > 1000 ? 1000 : weight;
    return 1 + (weight - 10) * 9999 / 990;
}

static int write_number_or_max(
    const CgroupDirectory *d, const char *file, int64_t value, const char *field, Error *err) {
    return value == -1 ? limits_write(d, file, "max", field, err)
                       : limits_write_number(d, file, value, field, err);
}

static int write_burst(const CgroupDirectory *d, const OciCpu *cpu, Error *err) {
    if (!cpu->burst.set)
        return 0;
    return limits_write_number(
        d, "cpu.max.burst", (int64_t)cpu->burst.value, "linux.resources.cpu.burst", err);
}

static int write_bandwidth(const CgroupDirectory *d, const OciCpu *cpu, Error *err) {
    unsigned long long period = cpu->period.value ? cpu->period.value : DEFAULT_PERIOD;
    autofree char *line = cpu->quota.value > 0
                              ? text_format("%lld %llu", (long long)cpu->quota.value, period)
                              : text_format("max %llu", period);
    return cpu->quota.value || cpu->period.value
               ? limits_write(d, "cpu.max", line, "linux.resources.cpu.quota", err)
               : 0;
}

int limits_v2_cpu(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciCpu *cpu = resources->cpu;
    if (!cpu)
        return 0;
    if (cpu->idle.set)
        TRY(limits_write_number(d, "cpu.idle", cpu->idle.value, "linux.resources.cpu.idle", err));
    if (cpu->shares.value && !(cpu->idle.set && cpu->idle.value)) { /* who is idle has no weight */
        autofree char *weight =
            text_format("%llu", (unsigned long long)limits_weight_of_shares(cpu->shares.value));
        TRY(limits_write(d, "cpu.weight", weight, "linux.resources.cpu.shares", err));
    }
    /* a burst above the old quota is refused until there is the new one */
    int r = write_burst(d, cpu, err);
    bool again = r < 0 && err->sys == EINVAL && cpu->quota.value;
    if (r < 0 && !again)
        return r;
    TRY(write_bandwidth(d, cpu, err));
    return again ? write_burst(d, cpu, err) : 0;
}

int limits_v2_cpuset(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    return limits_v1_cpuset(d, resources, err); /* the same names */
}

int limits_swap_of_memory(const OciMemory *memory, int64_t *ret, bool *ret_none, Error *err) {
    const char *f = "linux.resources.memory.swap";
    int64_t limit = memory->limit.value, swap = memory->swap.value;
    *ret_none = false;
    if (limit == -1 && swap == 0) /* no limit of memory: none of swap, as on v1 */
        swap = -1;
    if (swap == -1 || swap == 0)
        return *ret = swap, 0;
    if (swap < -1 || limit < -1)
        return error_set(err, ERROR_INVALID, "%s: invalid swap value: %lld", f, (long long)swap);
    if (limit == 0 || limit == -1)
        return error_set(
            err, ERROR_INVALID, "%s: unable to set swap limit without memory limit", f);
    if (swap < limit)
        return error_set(err, ERROR_INVALID,
            "%s: memory+swap limit should be >= memory limit (less than the memory limit)", f);
    *ret_none = swap == limit;
    *ret = swap - limit;
    return 0;
}

/* Best effort: the kernel would kill processes to come below the limit. */
static int check_usage(const CgroupDirectory *d, const OciMemory *memory, Error *err) {
    Error ignored;
    autodone(Text) text = {};
    int64_t usage;
    if (!memory->check_before_update.value || !d || d->fd < 0 ||
        file_read(d->fd, "memory.current", NUMBER_MAX, &text, &ignored) < 0)
        return 0;
    text.data[strcspn(text.data, "\n")] = '\0';
    if (text_parse_int(text.data, "memory.current", &usage, &ignored) < 0)
        return 0;
    if (memory->swap.value > 0 && memory->swap.value <= usage)
        return error_set(err, ERROR_STATE, "rejecting memory+swap limit %lld <= usage %lld",
            (long long)memory->swap.value, (long long)usage);
    if (memory->limit.value > 0 && memory->limit.value <= usage)
        return error_set(err, ERROR_STATE, "rejecting memory limit %lld <= usage %lld",
            (long long)memory->limit.value, (long long)usage);
    return 0;
}

static int write_swap(const CgroupDirectory *d, const OciMemory *memory, Error *err) {
    static const char file[] = "memory.swap.max";
    int64_t swap;
    bool none;
    TRY(limits_swap_of_memory(memory, &swap, &none, err));
    if (!swap && !none)
        return 0;
    /* a kernel without swap has nothing to switch off, and nothing to free */
    if ((none || swap == -1) && d && d->fd >= 0 && !limits_has_file(d, file))
        return 0;
    return write_number_or_max(d, file, swap, "linux.resources.memory.swap", err);
}

int limits_v2_memory(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciMemory *memory = resources->memory;
    if (!memory || (!memory->limit.value && !memory->swap.value && !memory->reservation.value))
        return 0;
    TRY(check_usage(d, memory, err));
    TRY(write_swap(d, memory, err));
    if (memory->limit.value)
        TRY(write_number_or_max(
            d, "memory.max", memory->limit.value, "linux.resources.memory.limit", err));
    if (memory->reservation.value)
        TRY(write_number_or_max(
            d, "memory.low", memory->reservation.value, "linux.resources.memory.reservation", err));
    return 0;
}

int limits_v2_pids(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    return limits_v1_pids(d, resources, err); /* the same name */
}

static int write_throttles(
    const CgroupDirectory *d, const JsonObjects *devices, const char *word, Error *err) {
    const OciThrottleDevice *device = devices->item;
    for (size_t i = 0; i < devices->n; i++) {
        autofree char *rate = device[i].rate.value
                                  ? text_format("%llu", (unsigned long long)device[i].rate.value)
                                  : text_copy("max"); /* v1's 0 took a limit away */
        autofree char *line = text_format("%lld:%lld %s=%s", (long long)device[i].major.value,
            (long long)device[i].minor.value, word, rate);
        TRY(limits_write(d, "io.max", line, "linux.resources.blockIO", err));
    }
    return 0;
}

/* BFQ keeps blkio's range; its weights of single devices came with Linux 5.4, which shows in a
 * "default" before the number. */
static bool bfq_has_device_weights(const CgroupDirectory *d) {
    Error ignored;
    autodone(Text) text = {};
    return file_read(d->fd, "io.bfq.weight", 65536, &text, &ignored) >= 0 &&
           text_starts(text.data, "default");
}

static int write_io_weights(const CgroupDirectory *d, const OciBlockIo *io, Error *err) {
    const char *f = "linux.resources.blockIO.weight";
    const OciWeightDevice *device = io->weight_device.item;
    bool bfq = limits_has_file(d, "io.bfq.weight");
    uint64_t weight = io->weight.value;
    if (weight)
        TRY(limits_write_number(d, bfq ? "io.bfq.weight" : "io.weight",
            (int64_t)(bfq ? weight : limits_io_weight(weight)), f, err));
    for (size_t i = 0; bfq && bfq_has_device_weights(d) && i < io->weight_device.n; i++) {
        autofree char *line = text_format("%lld:%lld %llu", (long long)device[i].major.value,
            (long long)device[i].minor.value, (unsigned long long)device[i].weight.value);
        TRY(limits_write(d, "io.bfq.weight", line, "linux.resources.blockIO.weightDevice", err));
    }
    return 0;
}

int limits_v2_io(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciBlockIo *io = resources->block_io;
    if (!io)
        return 0;
    TRY(write_io_weights(d, io, err));
    TRY(write_throttles(d, &io->read_bps, "rbps", err));
    TRY(write_throttles(d, &io->write_bps, "wbps", err));
    TRY(write_throttles(d, &io->read_iops, "riops", err));
    return write_throttles(d, &io->write_iops, "wiops", err);
}

int limits_v2_hugetlb(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciHugepageLimit *limit = resources->hugepage_limits.item;
    for (size_t i = 0; i < resources->hugepage_limits.n; i++) {
        const char *f = "linux.resources.hugepageLimits";
        autofree char *file = text_format("hugetlb.%s.max", limit[i].page_size);
        autofree char *reserved = text_format("hugetlb.%s.rsvd.max", limit[i].page_size);
        autofree char *value = text_format("%llu", (unsigned long long)limit[i].limit.value);
        TRY(limits_write(d, file, value, f, err));
        if (limits_has_file(d, reserved)) /* since Linux 5.7 */
            TRY(limits_write(d, reserved, value, f, err));
    }
    return 0;
}

static bool is_idle(const JsonMap *unified) {
    const char *idle = json_map_find(unified, "cpu.idle");
    return idle && strcmp(idle, "1") == 0;
}

static int write_unified_file(
    const CgroupDirectory *d, const char *file, const char *value, Error *err) {
    autotexts char **lines = texts_split(value, '\n');
    for (char **line = lines; *line; line++)
        if (**line && limits_write(d, file, *line, "linux.resources.unified", err) < 0)
            return error_prefix(err, "unified resource \"%s\" can't be set", file);
    return 0;
}

int limits_v2_unified(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    for (size_t i = 0; i < resources->unified.n; i++) {
        const char *file = resources->unified.key[i];
        if (strchr(file, '/'))
            return error_set(err, ERROR_INVALID,
                "linux.resources.unified: \"%s\" must be a file name (no slashes)", file);
        if (!strchr(file, '.') || *file == '.')
            return error_set(err, ERROR_INVALID,
                "linux.resources.unified: \"%s\" must be in the form CONTROLLER.PARAMETER", file);
        if (strcmp(file, "cpu.weight") == 0 && is_idle(&resources->unified))
            continue;
        TRY(write_unified_file(d, file, resources->unified.value[i], err));
    }
    return 0;
}
