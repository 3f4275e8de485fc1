// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "runtime/cgroup/cgroup.h"

/* linux.resources written into the files of a cgroup, in the vocabulary of v1 and of v2. A value of
 * 0 means "not set" wherever the kernel has no use for it, as with the reference runtime. */

/* Everything, each controller in the hierarchy that has it. */
int limits_write_all(const Cgroup *cgroup, const OciResources *resources, Error *err);

/* The same without the devices, whose rules do not change in a container's life; and only those. */
int limits_rewrite(const Cgroup *cgroup, const OciResources *resources, Error *err);
int limits_write_devices(const Cgroup *cgroup, const OciResources *resources, Error *err);

/* Whether something is asked for that a threaded cgroup of v2 cannot have (cgroups(7)). */
bool limits_need_domain(const OciResources *resources);

/* One controller. The directory is NULL, or its fd -1, where there is none: an error that names the
 * field, when there is something to write. */
typedef int LimitWriter(
    const CgroupDirectory *directory, const OciResources *resources, Error *err);
LimitWriter limits_v1_devices, limits_v1_memory, limits_v1_cpu, limits_v1_cpuset, limits_v1_pids,
    limits_v1_blkio, limits_v1_hugetlb, limits_v1_net_cls, limits_v1_net_prio;
LimitWriter limits_v2_devices, limits_v2_memory, limits_v2_cpu, limits_v2_cpuset, limits_v2_pids,
    limits_v2_io, limits_v2_hugetlb, limits_v2_unified;
LimitWriter limits_rdma; /* the same on both */

/* Real-time bandwidth, which must be there before a real-time process enters. */
LimitWriter limits_v1_realtime;

/* cpu.shares (2 … 262144) as cpu.weight (1 … 10000), such that 1024 becomes 100. */
uint64_t limits_weight_of_shares(uint64_t shares);

/* blkio's weight (10 … 1000) as io.weight (1 … 10000). */
uint64_t limits_io_weight(uint64_t weight);

/* v1's "memory and swap together" as v2's swap: > 0 bytes, 0 not set, -1 without limit;
 * *ret_none: there shall be no swap. ERROR_INVALID. */
int limits_swap_of_memory(const OciMemory *memory, int64_t *ret, bool *ret_none, Error *err);

/* pids.max: a limit of 0 is 1, as systemd refuses 0; -1 without limit. */
int64_t limits_pids(const OciPids *pids);

/* What every container may use, after the configuration's own rules
 * (config-linux.md#default-devices and the reference runtime's list). */
extern const OciDeviceRule limits_default_devices[];
extern const size_t limits_default_devices_n;

/* "c 1:3 rwm"; buffer of DEVICE_RULE_SIZE bytes. */
#define DEVICE_RULE_SIZE 64
int limits_format_device(const OciDeviceRule *rule, char *ret, Error *err);

/* One write, its errors with the value's place in config.json. */
int limits_write(const CgroupDirectory *directory, const char *file, const char *value,
    const char *field, Error *err);
int limits_write_number(const CgroupDirectory *directory, const char *file, int64_t value,
    const char *field, Error *err);
bool limits_has_file(const CgroupDirectory *directory, const char *file);
