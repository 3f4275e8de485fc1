// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "runtime/cgroup/limits.h"

enum {
    CPUSET_MAX = 65536
};

int limits_write(const CgroupDirectory *directory, const char *file, const char *value,
    const char *field, Error *err) {
    if (!directory || directory->fd < 0)
        return error_set(err, ERROR_UNSUPPORTED, "%s: no cgroup controller for it", field);
    int r = file_write_kernel(directory->fd, file, value, err);
    if (r == ERROR_NOT_FOUND)
        return error_set(err, ERROR_UNSUPPORTED,
            "%s: the cgroup has no '%s': its controller is not available here", field, file);
    return r < 0 ? error_prefix(err, "%s", field) : 0;
}

static int write_int(const Cgroup *cgroup, const char *controller, const char *file,
    const JsonInt *value, const char *field, Error *err) {
    autofree char *text = text_format("%lld", (long long)value->value);
    if (!value->set)
        return 0;
    return limits_write(cgroup_find(cgroup, controller), file, text, field, err);
}

static int write_uint(const Cgroup *cgroup, const char *controller, const char *file,
    const JsonUint *value, const char *field, Error *err) {
    autofree char *text = text_format("%llu", (unsigned long long)value->value);
    if (!value->set)
        return 0;
    return limits_write(cgroup_find(cgroup, controller), file, text, field, err);
}

static int write_text(const Cgroup *cgroup, const char *controller, const char *file,
    const char *value, const char *field, Error *err) {
    return text_is_empty(value)
               ? 0
               : limits_write(cgroup_find(cgroup, controller), file, value, field, err);
}

static int write_cpu(const Cgroup *cgroup, const OciResources *resources, Error *err) {
    const OciCpu *cpu = resources->cpu;
    const char *f = "linux.resources.cpu";
    if (!cpu)
        return 0;
    TRY(write_uint(cgroup, "cpu", "cpu.shares", &cpu->shares, f, err));
    TRY(write_uint(cgroup, "cpu", "cpu.cfs_period_us", &cpu->period, f, err));
    TRY(write_int(cgroup, "cpu", "cpu.cfs_quota_us", &cpu->quota, f, err));
    TRY(write_uint(cgroup, "cpu", "cpu.cfs_burst_us", &cpu->burst, f, err));
    TRY(write_uint(cgroup, "cpu", "cpu.rt_period_us", &cpu->realtime_period, f, err));
    TRY(write_int(cgroup, "cpu", "cpu.rt_runtime_us", &cpu->realtime_runtime, f, err));
    TRY(write_int(cgroup, "cpu", "cpu.idle", &cpu->idle, f, err));
    TRY(write_text(cgroup, "cpuset", "cpuset.cpus", cpu->cpus, f, err));
    return write_text(cgroup, "cpuset", "cpuset.mems", cpu->mems, f, err);
}

static int write_memory(const Cgroup *cgroup, const OciResources *resources, Error *err) {
    const OciMemory *memory = resources->memory;
    const char *f = "linux.resources.memory";
    if (!memory)
        return 0;
    /* both limits start as "none": memory first, because memsw may not be below it */
    TRY(write_int(cgroup, "memory", "memory.limit_in_bytes", &memory->limit, f, err));
    const CgroupDirectory *directory = cgroup_find(cgroup, "memory");
    if (directory && directory->fd >= 0 &&
        file_exists(directory->fd, "memory.memsw.limit_in_bytes"))
        TRY(write_int(cgroup, "memory", "memory.memsw.limit_in_bytes", &memory->swap, f, err));
    TRY(write_int(cgroup, "memory", "memory.soft_limit_in_bytes", &memory->reservation, f, err));
    TRY(write_uint(cgroup, "memory", "memory.swappiness", &memory->swappiness, f, err));
    if (memory->disable_oom_killer.value)
        TRY(write_text(cgroup, "memory", "memory.oom_control", "1", f, err));
    return 0;
}

static int write_pids(const Cgroup *cgroup, const OciResources *resources, Error *err) {
    if (!resources->pids || !resources->pids->limit.set)
        return 0;
    autofree char *limit = text_format("%lld", (long long)resources->pids->limit.value);
    return write_text(cgroup, "pids", "pids.max", resources->pids->limit.value > 0 ? limit : "max",
        "linux.resources.pids.limit", err);
}

static int write_weights(const Cgroup *cgroup, const OciBlockIo *io, Error *err) {
    const CgroupDirectory *directory = cgroup_find(cgroup, "blkio");
    bool bfq = directory && directory->fd >= 0 && !file_exists(directory->fd, "blkio.weight");
    const OciWeightDevice *device = io->weight_device.item;
    TRY(write_uint(cgroup, "blkio", bfq ? "blkio.bfq.weight" : "blkio.weight", &io->weight,
        "linux.resources.blockIO.weight", err));
    TRY(write_uint(cgroup, "blkio", "blkio.leaf_weight", &io->leaf_weight,
        "linux.resources.blockIO.leafWeight", err));
    for (size_t i = 0; i < io->weight_device.n; i++) {
        autofree char *line = text_format("%lld:%lld %llu", (long long)device[i].major.value,
            (long long)device[i].minor.value, (unsigned long long)device[i].weight.value);
        TRY(write_text(cgroup, "blkio", bfq ? "blkio.bfq.weight_device" : "blkio.weight_device",
            line, "linux.resources.blockIO.weightDevice", err));
    }
    return 0;
}

static int write_throttles(
    const Cgroup *cgroup, const JsonObjects *devices, const char *file, Error *err) {
    const OciThrottleDevice *device = devices->item;
    for (size_t i = 0; i < devices->n; i++) {
        autofree char *line = text_format("%lld:%lld %llu", (long long)device[i].major.value,
            (long long)device[i].minor.value, (unsigned long long)device[i].rate.value);
        TRY(write_text(cgroup, "blkio", file, line, "linux.resources.blockIO", err));
    }
    return 0;
}

static int write_block_io(const Cgroup *cgroup, const OciResources *resources, Error *err) {
    const OciBlockIo *io = resources->block_io;
    if (!io)
        return 0;
    TRY(write_weights(cgroup, io, err));
    TRY(write_throttles(cgroup, &io->read_bps, "blkio.throttle.read_bps_device", err));
    TRY(write_throttles(cgroup, &io->write_bps, "blkio.throttle.write_bps_device", err));
    TRY(write_throttles(cgroup, &io->read_iops, "blkio.throttle.read_iops_device", err));
    return write_throttles(cgroup, &io->write_iops, "blkio.throttle.write_iops_device", err);
}

static int write_hugepages(const Cgroup *cgroup, const OciResources *resources, Error *err) {
    const OciHugepageLimit *limit = resources->hugepage_limits.item;
    for (size_t i = 0; i < resources->hugepage_limits.n; i++) {
        autofree char *file = text_format("hugetlb.%s.limit_in_bytes", limit[i].page_size);
        TRY(write_uint(
            cgroup, "hugetlb", file, &limit[i].limit, "linux.resources.hugepageLimits", err));
    }
    return 0;
}

static int write_network(const Cgroup *cgroup, const OciResources *resources, Error *err) {
    const OciNetworkResources *network = resources->network;
    if (!network)
        return 0;
    TRY(write_uint(cgroup, "net_cls", "net_cls.classid", &network->class_id,
        "linux.resources.network.classID", err));
    const OciInterfacePriority *priority = network->priorities.item;
    for (size_t i = 0; i < network->priorities.n; i++) {
        autofree char *line = text_format(
            "%s %llu", priority[i].name, (unsigned long long)priority[i].priority.value);
        TRY(write_text(cgroup, "net_prio", "net_prio.ifpriomap", line,
            "linux.resources.network.priorities", err));
    }
    return 0;
}

static int write_device(
    const CgroupDirectory *directory, const OciDeviceRule *rule, size_t i, Error *err) {
    char line[DEVICE_RULE_SIZE];
    if (limits_format_device(rule, line, err) < 0 ||
        limits_write(directory, rule->allow.value ? "devices.allow" : "devices.deny", line,
            "linux.resources.devices", err) < 0)
        return error_prefix(err, "rule %zu", i);
    return 0;
}

static int write_devices(const Cgroup *cgroup, const OciResources *resources, Error *err) {
    const CgroupDirectory *directory = cgroup_find(cgroup, "devices");
    const OciDeviceRule *rule = resources->devices.item;
    if (!resources->devices.n)
        return 0;
    for (size_t i = 0; i < resources->devices.n; i++)
        TRY(write_device(directory, &rule[i], i, err));
    for (size_t i = 0; i < limits_default_devices_n; i++)
        TRY(write_device(directory, &limits_default_devices[i], i, err));
    return 0;
}

static int write_unified(const Cgroup *cgroup, const OciResources *resources, Error *err) {
    if (!resources->unified.n)
        return 0;
    return error_set(err, ERROR_UNSUPPORTED,
        "linux.resources.unified: the controllers of this machine are on cgroup v1");
}

int limits_v1_write(const Cgroup *cgroup, const OciResources *resources, Error *err) {
    static int (*const writers[])(const Cgroup *, const OciResources *, Error *) = {write_devices,
        write_cpu, write_memory, write_pids, write_block_io, write_hugepages, write_network,
        write_unified};
    for (size_t i = 0; i < array_size(writers); i++)
        TRY(writers[i](cgroup, resources, err));
    return 0;
}

static int inherit_file(int parent, int child, const char *file, Error *err) {
    autodone(Text) value = {};
    TRY(file_read(child, file, CPUSET_MAX, &value, err));
    if (value.length > 1)
        return 0;
    text_clear(&value);
    TRY(file_read(parent, file, CPUSET_MAX, &value, err));
    return file_write_kernel(child, file, value.data, err);
}

int limits_v1_make_cpuset(const char *mount, const char *inside, Error *err) {
    autotexts char **names = texts_split(inside, '/');
    autoclose int at = -1;
    TRY(file_open(AT_FDCWD, mount, O_RDONLY | O_DIRECTORY, 0, &at, err));
    for (char **name = names; *name; name++) {
        autoclose int next = -1;
        if (mkdirat(at, *name, 0755) < 0 && errno != EEXIST)
            return error_set_errno(err, errno, "cannot make cgroup '%s/%s'", mount, inside);
        TRY(file_open(at, *name, O_RDONLY | O_DIRECTORY, 0, &next, err));
        TRY(inherit_file(at, next, "cpuset.cpus", err));
        TRY(inherit_file(at, next, "cpuset.mems", err));
        close(at);
        at = take_fd(&next);
    }
    return 0;
}
