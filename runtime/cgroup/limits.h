// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "runtime/cgroup/cgroup.h"

/* linux.resources written into the files of a cgroup, in the vocabulary of v1 and of v2. */

int limits_v1_write(const Cgroup *cgroup, const OciResources *resources, Error *err);
int limits_v2_write(const Cgroup *cgroup, const OciResources *resources, Error *err);

/* Makes directories of a v1 cpuset below `mount`: each new one needs its parent's cpus and mems
 * before a process can enter (cpuset(7)). */
int limits_v1_make_cpuset(const char *mount, const char *inside, Error *err);

/* Makes directories of v2 with all of the parent's controllers switched on along the way. */
int limits_v2_make(const char *mount, const char *inside, Error *err);

/* cpu.shares (2 … 262144) as cpu.weight (1 … 10000), such that 1024 becomes 100. */
uint64_t limits_weight_of_shares(uint64_t shares);

/* What every container may use, after the configuration's own rules
 * (config-linux.md#default-devices and the reference runtime's list). */
extern const OciDeviceRule limits_default_devices[];
extern const size_t limits_default_devices_n;

/* "c 1:3 rwm"; buffer of DEVICE_RULE_SIZE bytes. */
#define DEVICE_RULE_SIZE 64
int limits_format_device(const OciDeviceRule *rule, char *ret, Error *err);

/* A BPF program that carries the rules, attached to the v2 directory (cgroup device controller). */
int limits_v2_attach_devices(int cgroup, const JsonObjects *rules, Error *err);

/* One write, its errors with the value's place in config.json. */
int limits_write(const CgroupDirectory *directory, const char *file, const char *value,
    const char *field, Error *err);
