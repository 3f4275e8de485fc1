// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "runtime/cgroup/limits.h"

enum {
    CONTROLLERS_MAX = 4096,
    WEIGHT_MAX = 10000,
    SHARES_MAX = 262144
};

/* Switches each controller on by itself: one that cannot be (threaded parents, real-time processes)
 * must not keep the others off; a limit that needs it will say so. */
static void enable_controllers(int cgroup) {
    Error ignored;
    autodone(Text) available = {};
    if (file_read(cgroup, "cgroup.controllers", CONTROLLERS_MAX, &available, &ignored) < 0)
        return;
    autofree char *all = text_format("+%s", available.data);
    all[strcspn(all, "\n")] = '\0';
    autotexts char **names = texts_split(all + 1, ' ');
    autofree char *joined = texts_join(names, " +");
    autofree char *line = text_format("+%s", joined);
    if (!*names || file_write_kernel(cgroup, "cgroup.subtree_control", line, &ignored) >= 0)
        return;
    for (char **name = names; *name; name++) {
        autofree char *one = text_format("+%s", *name);
        (void)file_write_kernel(cgroup, "cgroup.subtree_control", one, &ignored);
    }
}

int limits_v2_make(const char *mount, const char *inside, Error *err) {
    autotexts char **names = texts_split(inside, '/');
    autoclose int at = -1;
    TRY(file_open(AT_FDCWD, mount, O_RDONLY | O_DIRECTORY, 0, &at, err));
    for (char **name = names; *name; name++) {
        autoclose int next = -1;
        enable_controllers(at);
        if (mkdirat(at, *name, 0755) < 0 && errno != EEXIST)
            return error_set_errno(err, errno, "cannot make cgroup '%s/%s'", mount, inside);
        TRY(file_open(at, *name, O_RDONLY | O_DIRECTORY, 0, &next, err));
        close(at);
        at = take_fd(&next);
    }
    return 0;
}

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

static int write_line(
    const CgroupDirectory *directory, const char *file, const char *field, char *line, Error *err) {
    autofree char *owned = line;
    return limits_write(directory, file, owned, field, err);
}

static char *number_or_max(int64_t value) {
    return value < 0 ? text_copy("max") : text_format("%lld", (long long)value);
}

static int write_cpu(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciCpu *cpu = resources->cpu;
    const char *f = "linux.resources.cpu";
    if (!cpu)
        return 0;
    if (cpu->shares.set && cpu->shares.value)
        TRY(write_line(d, "cpu.weight", f,
            text_format("%llu", (unsigned long long)limits_weight_of_shares(cpu->shares.value)),
            err));
    if (cpu->quota.set || cpu->period.set) {
        autofree char *quota =
            number_or_max(cpu->quota.set && cpu->quota.value > 0 ? cpu->quota.value : -1);
        unsigned long long period = cpu->period.value ? cpu->period.value : 100000;
        TRY(write_line(d, "cpu.max", f, text_format("%s %llu", quota, period), err));
    }
    if (cpu->burst.set)
        TRY(write_line(
            d, "cpu.max.burst", f, text_format("%llu", (unsigned long long)cpu->burst.value), err));
    if (cpu->idle.set)
        TRY(write_line(d, "cpu.idle", f, text_format("%lld", (long long)cpu->idle.value), err));
    if (!text_is_empty(cpu->cpus))
        TRY(limits_write(d, "cpuset.cpus", cpu->cpus, f, err));
    if (!text_is_empty(cpu->mems))
        TRY(limits_write(d, "cpuset.mems", cpu->mems, f, err));
    return 0;
}

/* v1's "swap" counts memory and swap together, v2's only swap. */
static int write_swap(const CgroupDirectory *d, const OciMemory *memory, Error *err) {
    const char *f = "linux.resources.memory.swap";
    int64_t swap = memory->swap.value;
    if (!memory->swap.set || swap == 0)
        return 0;
    if (swap > 0) {
        if (!memory->limit.set || memory->limit.value <= 0)
            return error_set(err, ERROR_INVALID, "%s: needs a memory limit", f);
        if (swap < memory->limit.value)
            return error_set(err, ERROR_INVALID, "%s: less than the memory limit", f);
        swap -= memory->limit.value;
    }
    if (!file_exists(d->fd, "memory.swap.max"))
        return 0; /* a kernel without swap accounting has nothing to limit */
    return write_line(d, "memory.swap.max", f, number_or_max(swap), err);
}

static int write_memory(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciMemory *memory = resources->memory;
    const char *f = "linux.resources.memory";
    if (!memory)
        return 0;
    TRY(write_swap(d, memory, err));
    if (memory->limit.set && memory->limit.value)
        TRY(write_line(d, "memory.max", f, number_or_max(memory->limit.value), err));
    if (memory->reservation.set && memory->reservation.value)
        TRY(write_line(d, "memory.low", f, number_or_max(memory->reservation.value), err));
    return 0;
}

static int write_pids(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    if (!resources->pids || !resources->pids->limit.set)
        return 0;
    int64_t limit = resources->pids->limit.value;
    return write_line(
        d, "pids.max", "linux.resources.pids.limit", number_or_max(limit > 0 ? limit : -1), err);
}

static int write_throttles(
    const CgroupDirectory *d, const JsonObjects *devices, const char *word, Error *err) {
    const OciThrottleDevice *device = devices->item;
    for (size_t i = 0; i < devices->n; i++)
        TRY(write_line(d, "io.max", "linux.resources.blockIO",
            text_format("%lld:%lld %s=%llu", (long long)device[i].major.value,
                (long long)device[i].minor.value, word, (unsigned long long)device[i].rate.value),
            err));
    return 0;
}

/* blkio's 10 … 1000 as io.weight's 1 … 10000; bfq keeps the old range. */
static int write_io_weight(const CgroupDirectory *d, uint64_t weight, Error *err) {
    const char *f = "linux.resources.blockIO.weight";
    if (file_exists(d->fd, "io.bfq.weight"))
        return write_line(
            d, "io.bfq.weight", f, text_format("%llu", (unsigned long long)weight), err);
    unsigned long long v2 = 1 + ((weight < 10 ? 10 : weight) - 10) * 9999 / 990;
    return write_line(d, "io.weight", f, text_format("default %llu", v2), err);
}

static int write_io(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciBlockIo *io = resources->block_io;
    if (!io)
        return 0;
    if (io->weight.set && io->weight.value)
        TRY(write_io_weight(d, io->weight.value, err));
    TRY(write_throttles(d, &io->read_bps, "rbps", err));
    TRY(write_throttles(d, &io->write_bps, "wbps", err));
    TRY(write_throttles(d, &io->read_iops, "riops", err));
    return write_throttles(d, &io->write_iops, "wiops", err);
}

static int write_hugepages(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciHugepageLimit *limit = resources->hugepage_limits.item;
    for (size_t i = 0; i < resources->hugepage_limits.n; i++) {
        autofree char *file = text_format("hugetlb.%s.max", limit[i].page_size);
        TRY(write_line(d, file, "linux.resources.hugepageLimits",
            text_format("%llu", (unsigned long long)limit[i].limit.value), err));
    }
    return 0;
}

static int write_rdma(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciRdma *rdma = resources->rdma.value;
    for (size_t i = 0; i < resources->rdma.n; i++) {
        autofree char *handles =
            number_or_max(rdma[i].hca_handles.set ? (int64_t)rdma[i].hca_handles.value : -1);
        autofree char *objects =
            number_or_max(rdma[i].hca_objects.set ? (int64_t)rdma[i].hca_objects.value : -1);
        TRY(write_line(d, "rdma.max", "linux.resources.rdma",
            text_format("%s hca_handle=%s hca_object=%s", resources->rdma.key[i], handles, objects),
            err));
    }
    return 0;
}

static int write_unified(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    for (size_t i = 0; i < resources->unified.n; i++) {
        const char *file = resources->unified.key[i];
        if (strchr(file, '/') || !strchr(file, '.'))
            return error_set(err, ERROR_INVALID,
                "linux.resources.unified: \"%s\" is not a cgroup file name", file);
        autotexts char **lines = texts_split(resources->unified.value[i], '\n');
        for (char **line = lines; *line; line++)
            if (**line)
                TRY(limits_write(d, file, *line, "linux.resources.unified", err));
    }
    return 0;
}

int limits_v2_write(const Cgroup *cgroup, const OciResources *resources, Error *err) {
    static int (*const writers[])(const CgroupDirectory *, const OciResources *, Error *) = {
        write_cpu, write_memory, write_pids, write_io, write_hugepages, write_rdma, write_unified};
    const CgroupDirectory *directory = cgroup_find(cgroup, "");
    for (size_t i = 0; i < array_size(writers); i++)
        TRY(writers[i](directory, resources, err));
    if (resources->devices.n && directory->fd >= 0)
        return limits_v2_attach_devices(directory->fd, &resources->devices, err);
    return 0;
}
