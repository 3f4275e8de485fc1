// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "runtime/cgroup/limits.h"

/* The files of v1 check each other's values, so the order of two writes decides whether they are
 * taken: what the kernel refuses with EINVAL is tried again after the other one. */

enum {
    NUMBER_MAX = 64
};

static int read_number(const CgroupDirectory *d, const char *file, uint64_t *ret) {
    Error ignored;
    autodone(Text) text = {};
    if (!d || d->fd < 0 || file_read(d->fd, file, NUMBER_MAX, &text, &ignored) < 0)
        return -1;
    *ret = strtoull(text.data, NULL, 10);
    return 0;
}

static int write_uint(const CgroupDirectory *d, const char *file, const JsonUint *value,
    const char *field, Error *err) {
    if (!value->value)
        return 0;
    autofree char *text = text_format("%llu", (unsigned long long)value->value);
    return limits_write(d, file, text, field, err);
}

static int write_int(const CgroupDirectory *d, const char *file, const JsonInt *value,
    const char *field, Error *err) {
    return value->value ? limits_write_number(d, file, value->value, field, err) : 0;
}

/* Two files of which the second may first have to make room: *ret_again says so. */
static int write_or_postpone(const CgroupDirectory *d, const char *file, const JsonUint *value,
    bool may_postpone, bool *ret_again, const char *field, Error *err) {
    int r = write_uint(d, file, value, field, err);
    *ret_again = r < 0 && err->sys == EINVAL && may_postpone;
    return *ret_again ? 0 : r;
}

int limits_v1_realtime(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciCpu *cpu = resources->cpu;
    const char *f = "linux.resources.cpu.realtimePeriod";
    bool again;
    if (!cpu)
        return 0;
    TRY(write_or_postpone(d, "cpu.rt_period_us", &cpu->realtime_period,
        cpu->realtime_runtime.value != 0, &again, f, err));
    TRY(write_int(d, "cpu.rt_runtime_us", &cpu->realtime_runtime,
        "linux.resources.cpu.realtimeRuntime", err));
    return again ? write_uint(d, "cpu.rt_period_us", &cpu->realtime_period, f, err) : 0;
}

/* The kernel clamps silently. */
static int write_shares(const CgroupDirectory *d, const OciCpu *cpu, Error *err) {
    uint64_t now, wanted = cpu->shares.value;
    const char *f = "linux.resources.cpu.shares";
    TRY(write_uint(d, "cpu.shares", &cpu->shares, f, err));
    if (!wanted || read_number(d, "cpu.shares", &now) < 0 || now == wanted)
        return 0;
    return error_set(err, ERROR_INVALID, "%s: the %s allowed cpu-shares is %llu", f,
        wanted > now ? "maximum" : "minimum", (unsigned long long)now);
}

static int write_burst(const CgroupDirectory *d, const OciCpu *cpu, Error *err) {
    if (!cpu->burst.set || !limits_has_file(d, "cpu.cfs_burst_us"))
        return 0; /* before Linux 5.14; the reference runtime ignores it as well */
    autofree char *text = text_format("%llu", (unsigned long long)cpu->burst.value);
    return limits_write(d, "cpu.cfs_burst_us", text, "linux.resources.cpu.burst", err);
}

static int write_bandwidth(const CgroupDirectory *d, const OciCpu *cpu, Error *err) {
    bool quota = cpu->quota.value != 0, period_again;
    const char *f = "linux.resources.cpu.period";
    TRY(write_or_postpone(d, "cpu.cfs_period_us", &cpu->period, quota, &period_again, f, err));
    int r = write_burst(d, cpu, err);
    bool burst_again = r < 0 && err->sys == EINVAL && quota;
    if (r < 0 && !burst_again)
        return r;
    TRY(write_int(d, "cpu.cfs_quota_us", &cpu->quota, "linux.resources.cpu.quota", err));
    if (period_again)
        TRY(write_uint(d, "cpu.cfs_period_us", &cpu->period, f, err));
    return burst_again ? write_burst(d, cpu, err) : 0;
}

int limits_v1_cpu(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciCpu *cpu = resources->cpu;
    if (!cpu)
        return 0;
    TRY(write_shares(d, cpu, err));
    TRY(write_bandwidth(d, cpu, err));
    if (cpu->idle.set)
        TRY(limits_write_number(d, "cpu.idle", cpu->idle.value, "linux.resources.cpu.idle", err));
    return limits_v1_realtime(d, resources, err);
}

int limits_v1_cpuset(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciCpu *cpu = resources->cpu;
    if (cpu && !text_is_empty(cpu->cpus))
        TRY(limits_write(d, "cpuset.cpus", cpu->cpus, "linux.resources.cpu.cpus", err));
    if (cpu && !text_is_empty(cpu->mems))
        TRY(limits_write(d, "cpuset.mems", cpu->mems, "linux.resources.cpu.mems", err));
    return 0;
}

static int write_memory_limit(const CgroupDirectory *d, const OciMemory *memory, Error *err) {
    const char *f = "linux.resources.memory.limit";
    uint64_t usage = 0, peak = 0;
    int r = write_int(d, "memory.limit_in_bytes", &memory->limit, f, err);
    if (r >= 0 || err->sys != EBUSY)
        return r;
    (void)read_number(d, "memory.usage_in_bytes", &usage);
    (void)read_number(d, "memory.max_usage_in_bytes", &peak);
    return error_set(err, ERROR_STATE,
        "%s: unable to set memory limit to %lld (current usage: %llu, peak usage: %llu)", f,
        (long long)memory->limit.value, (unsigned long long)usage, (unsigned long long)peak);
}

/* "memsw" counts memory and swap together and may never be below the memory limit. */
static int write_memory_and_swap(const CgroupDirectory *d, const OciMemory *memory, Error *err) {
    static const char file[] = "memory.memsw.limit_in_bytes";
    const char *f = "linux.resources.memory.swap";
    JsonInt swap = memory->swap;
    uint64_t limit = 0;
    if (memory->limit.value == -1 && !swap.value)
        swap.value = -1; /* without a limit of memory there is none of both together */
    if (swap.value && d && d->fd >= 0 && !limits_has_file(d, file)) {
        if (swap.value > 0 && swap.value != memory->limit.value)
            return error_set(err, ERROR_UNSUPPORTED, "%s: the kernel does not count swap", f);
        swap.value = 0;
    }
    (void)read_number(d, "memory.limit_in_bytes", &limit);
    bool swap_first = memory->limit.value && (swap.value == -1 || limit < (uint64_t)swap.value);
    if (swap_first)
        TRY(write_int(d, file, &swap, f, err));
    TRY(write_memory_limit(d, memory, err));
    return swap_first ? 0 : write_int(d, file, &swap, f, err);
}

int limits_v1_memory(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciMemory *memory = resources->memory;
    const char *f = "linux.resources.memory.swappiness";
    if (!memory)
        return 0;
    TRY(write_memory_and_swap(d, memory, err));
    TRY(write_int(d, "memory.soft_limit_in_bytes", &memory->reservation,
        "linux.resources.memory.reservation", err));
    if (memory->disable_oom_killer.value)
        TRY(limits_write(
            d, "memory.oom_control", "1", "linux.resources.memory.disableOOMKiller", err));
    if (!memory->swappiness.set || memory->swappiness.value == UINT64_MAX)
        return 0;
    if (memory->swappiness.value > 100)
        return error_set(err, ERROR_INVALID,
            "%s: invalid memory swappiness value: %llu (valid range is 0-100)", f,
            (unsigned long long)memory->swappiness.value);
    return limits_write_number(d, "memory.swappiness", (int64_t)memory->swappiness.value, f, err);
}

int limits_v1_pids(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const char *f = "linux.resources.pids.limit";
    if (!resources->pids || !resources->pids->limit.set)
        return 0;
    int64_t limit = limits_pids(resources->pids);
    return limit < 0 ? limits_write(d, "pids.max", "max", f, err)
                     : limits_write_number(d, "pids.max", limit, f, err);
}

static int write_device_weight(const CgroupDirectory *d, const char *file,
    const OciWeightDevice *device, const JsonUint *weight, Error *err) {
    if (!weight->value)
        return 0;
    autofree char *line = text_format("%lld:%lld %llu", (long long)device->major.value,
        (long long)device->minor.value, (unsigned long long)weight->value);
    return limits_write(d, file, line, "linux.resources.blockIO.weightDevice", err);
}

static int write_weights(const CgroupDirectory *d, const OciBlockIo *io, Error *err) {
    bool bfq = d && d->fd >= 0 && !limits_has_file(d, "blkio.weight");
    const OciWeightDevice *device = io->weight_device.item;
    TRY(write_uint(d, bfq ? "blkio.bfq.weight" : "blkio.weight", &io->weight,
        "linux.resources.blockIO.weight", err));
    TRY(write_uint(
        d, "blkio.leaf_weight", &io->leaf_weight, "linux.resources.blockIO.leafWeight", err));
    for (size_t i = 0; i < io->weight_device.n; i++) {
        const char *file = bfq ? "blkio.bfq.weight_device" : "blkio.weight_device";
        TRY(write_device_weight(d, file, &device[i], &device[i].weight, err));
        TRY(write_device_weight(
            d, "blkio.leaf_weight_device", &device[i], &device[i].leaf_weight, err));
    }
    return 0;
}

static int write_throttles(
    const CgroupDirectory *d, const JsonObjects *devices, const char *file, Error *err) {
    const OciThrottleDevice *device = devices->item;
    for (size_t i = 0; i < devices->n; i++) {
        autofree char *line = text_format("%lld:%lld %llu", (long long)device[i].major.value,
            (long long)device[i].minor.value, (unsigned long long)device[i].rate.value);
        TRY(limits_write(d, file, line, "linux.resources.blockIO", err));
    }
    return 0;
}

int limits_v1_blkio(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciBlockIo *io = resources->block_io;
    if (!io)
        return 0;
    TRY(write_weights(d, io, err));
    TRY(write_throttles(d, &io->read_bps, "blkio.throttle.read_bps_device", err));
    TRY(write_throttles(d, &io->write_bps, "blkio.throttle.write_bps_device", err));
    TRY(write_throttles(d, &io->read_iops, "blkio.throttle.read_iops_device", err));
    return write_throttles(d, &io->write_iops, "blkio.throttle.write_iops_device", err);
}

int limits_v1_hugetlb(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciHugepageLimit *limit = resources->hugepage_limits.item;
    for (size_t i = 0; i < resources->hugepage_limits.n; i++) {
        const char *f = "linux.resources.hugepageLimits";
        autofree char *file = text_format("hugetlb.%s.limit_in_bytes", limit[i].page_size);
        autofree char *reserved = text_format("hugetlb.%s.rsvd.limit_in_bytes", limit[i].page_size);
        autofree char *value = text_format("%llu", (unsigned long long)limit[i].limit.value);
        TRY(limits_write(d, file, value, f, err));
        if (limits_has_file(d, reserved)) /* since Linux 5.7 */
            TRY(limits_write(d, reserved, value, f, err));
    }
    return 0;
}

int limits_v1_net_cls(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    return resources->network ? write_uint(d, "net_cls.classid", &resources->network->class_id,
                                    "linux.resources.network.classID", err)
                              : 0;
}

int limits_v1_net_prio(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    if (!resources->network)
        return 0;
    const JsonObjects *priorities = &resources->network->priorities;
    const OciInterfacePriority *each = priorities->item;
    for (size_t i = 0; i < priorities->n; i++) {
        autofree char *line =
            text_format("%s %llu", each[i].name, (unsigned long long)each[i].priority.value);
        TRY(limits_write(d, "net_prio.ifpriomap", line, "linux.resources.network.priorities", err));
    }
    return 0;
}

/* Most rules allow: that file stays open. */
static int write_device(
    const CgroupDirectory *d, int allow, const OciDeviceRule *rule, size_t i, Error *err) {
    char line[DEVICE_RULE_SIZE];
    const char *field = "linux.resources.devices";
    if (limits_format_device(rule, line, err) < 0)
        return error_prefix(err, "%s[%zu]", field, i);
    if (rule->allow.value && fd_write_all(allow, line, strlen(line), err) < 0)
        return error_prefix(err, "%s[%zu]: cannot write '%s'", field, i, line);
    if (!rule->allow.value && limits_write(d, "devices.deny", line, field, err) < 0)
        return error_prefix(err, "rule %zu", i);
    return 0;
}

/* A container without rules may use the default devices and no others. */
int limits_v1_devices(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciDeviceRule *rule = resources->devices.item;
    autoclose int allow = -1;
    if ((!d || d->fd < 0) && !resources->devices.n)
        return 0;
    TRY(limits_write(d, "devices.deny", "a", "linux.resources.devices", err));
    TRY(file_open(d->fd, "devices.allow", O_WRONLY, 0, &allow, err));
    for (size_t i = 0; i < resources->devices.n; i++)
        TRY(write_device(d, allow, &rule[i], i, err));
    for (size_t i = 0; i < limits_default_devices_n; i++)
        TRY(write_device(d, allow, &limits_default_devices[i], i, err));
    return 0;
}
