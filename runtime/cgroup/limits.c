// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/limits.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "runtime/cgroup/hierarchy.h"

enum {
    CONTROLLERS_MAX = 4096
};

/* A controller by its names, and who writes its limits; NULL: v2 has none of it. */
typedef struct Limit {
    const char *v1, *v2;
    LimitWriter *write_v1, *write_v2;
} Limit;

static const Limit limits[] = {
    {"pids", "pids", limits_v1_pids, limits_v2_pids},
    {"memory", "memory", limits_v1_memory, limits_v2_memory},
    {"blkio", "io", limits_v1_blkio, limits_v2_io},
    {"cpu", "cpu", limits_v1_cpu, limits_v2_cpu},
    {"devices", "", limits_v1_devices, limits_v2_devices}, /* v2: everywhere, by BPF */
    {"cpuset", "cpuset", limits_v1_cpuset, limits_v2_cpuset},
    {"hugetlb", "hugetlb", limits_v1_hugetlb, limits_v2_hugetlb},
    {"rdma", "rdma", limits_rdma, limits_rdma},
    {"net_cls", NULL, limits_v1_net_cls, NULL},
    {"net_prio", NULL, limits_v1_net_prio, NULL},
};

bool limits_has_file(const CgroupDirectory *directory, const char *file) {
    return directory && directory->fd >= 0 && file_exists(directory->fd, file);
}

int limits_write(const CgroupDirectory *directory, const char *file, const char *value,
    const char *field, Error *err) {
    size_t n = strcspn(file, ".");
    if (!directory || directory->fd < 0)
        return error_set(err, ERROR_UNSUPPORTED,
            "%s: cannot set %.*s limit: container could not join or create cgroup", field, (int)n,
            file);
    int r = file_write_kernel(directory->fd, file, value, err);
    /* the kernel refuses to make files: EACCES for all but root. ENODEV is about a device */
    if (r == ERROR_NOT_FOUND && err->sys == ENOENT)
        return error_set(err, ERROR_UNSUPPORTED,
            "%s: the cgroup has no '%s': controller \"%.*s\" is not available here", field, file,
            (int)n, file);
    if (r < 0 && (err->sys == EACCES || err->sys == EPERM) && !limits_has_file(directory, file))
        return error_set(err, ERROR_UNSUPPORTED,
            "%s: rootless needs no limits + no cgrouppath when no permission is granted for "
            "cgroups: there is no '%s' in '%s'",
            field, file, directory->path);
    return r < 0 ? error_prefix(err, "%s", field) : 0;
}

int limits_write_number(const CgroupDirectory *directory, const char *file, int64_t value,
    const char *field, Error *err) {
    autofree char *text = text_format("%lld", (long long)value);
    return limits_write(directory, file, text, field, err);
}

int64_t limits_pids(const OciPids *pids) {
    return pids->limit.value < 0 ? -1 : pids->limit.value == 0 ? 1 : pids->limit.value;
}

int limits_rdma(const CgroupDirectory *d, const OciResources *resources, Error *err) {
    const OciRdma *rdma = resources->rdma.value;
    for (size_t i = 0; i < resources->rdma.n; i++) {
        autodone(Text) line = {};
        text_append(&line, resources->rdma.key[i]);
        if (rdma[i].hca_handles.set)
            text_append_format(
                &line, " hca_handle=%llu", (unsigned long long)rdma[i].hca_handles.value);
        if (rdma[i].hca_objects.set)
            text_append_format(
                &line, " hca_object=%llu", (unsigned long long)rdma[i].hca_objects.value);
        TRY(limits_write(d, "rdma.max", line.data, "linux.resources.rdma", err));
    }
    return 0;
}

bool limits_need_domain(const OciResources *resources) {
    const OciMemory *memory = resources ? resources->memory : NULL;
    const OciBlockIo *io = resources ? resources->block_io : NULL;
    if (memory && (memory->limit.value || memory->swap.value || memory->reservation.value))
        return true;
    if (io && (io->weight.value || io->weight_device.n || io->read_bps.n || io->write_bps.n ||
                  io->read_iops.n || io->write_iops.n))
        return true;
    return resources &&
           (resources->hugepage_limits.n ||
               (resources->cpu && (resources->cpu->shares.value || resources->cpu->quota.value ||
                                      resources->cpu->period.value || resources->cpu->idle.set ||
                                      resources->cpu->burst.set)));
}

/* On hybrid machines a controller may also live in the unified hierarchy. */
static bool unified_has(const CgroupDirectory *unified, const char *controller) {
    Error ignored;
    autodone(Text) text = {};
    if (!controller || !unified || unified->fd < 0)
        return false;
    if (!*controller)
        return true;
    if (file_read(unified->fd, "cgroup.controllers", CONTROLLERS_MAX, &text, &ignored) < 0)
        return false;
    for (char *c = text.data; *c; c++)
        *c = *c == ' ' || *c == '\n' ? ',' : *c;
    return hierarchy_has(text.data, controller);
}

static int write_one(
    const Cgroup *cgroup, const Limit *limit, const OciResources *resources, Error *err) {
    const CgroupDirectory *unified = cgroup_find(cgroup, "");
    const CgroupDirectory *v1 = cgroup->v2 ? NULL : cgroup_find(cgroup, limit->v1);
    if (cgroup->v2 || (!v1 && limit->write_v2 && unified_has(unified, limit->v2)))
        return limit->write_v2 ? limit->write_v2(unified, resources, err) : 0;
    return limit->write_v1(v1, resources, err);
}

static int write_unified(const Cgroup *cgroup, const OciResources *resources, Error *err) {
    if (!resources->unified.n)
        return 0;
    if (!cgroup->v2)
        return error_set(err, ERROR_INVALID,
            "linux.resources.unified: invalid configuration: cannot use unified on cgroup v1");
    return limits_v2_unified(cgroup_find(cgroup, ""), resources, err);
}

static int write_limits(
    const Cgroup *cgroup, const OciResources *resources, bool devices_too, Error *err) {
    for (size_t i = 0; i < array_size(limits); i++) {
        bool devices = limits[i].write_v1 == limits_v1_devices;
        if (devices && !devices_too)
            continue;
        int r = write_one(cgroup, &limits[i], resources, err);
        /* nobody without privileges can make devices; without a cgroup nothing else can be done */
        if (r < 0 && !(devices && (cgroup->rootless || !cgroup->n)))
            return r;
    }
    return write_unified(cgroup, resources, err);
}

int limits_write_devices(const Cgroup *cgroup, const OciResources *resources, Error *err) {
    for (size_t i = 0; i < array_size(limits); i++)
        if (limits[i].write_v1 == limits_v1_devices)
            return write_one(cgroup, &limits[i], resources, err);
    return 0;
}

int limits_write_all(const Cgroup *cgroup, const OciResources *resources, Error *err) {
    return write_limits(cgroup, resources, true, err);
}

int limits_rewrite(const Cgroup *cgroup, const OciResources *resources, Error *err) {
    return write_limits(cgroup, resources, false, err);
}
