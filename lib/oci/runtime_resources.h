// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/json.h"

/* "linux.resources" of the runtime specification (config-linux.md#control-groups); also the file
 * of `update --resources`. */

typedef struct OciDeviceRule {
    JsonBool allow;
    char *type, *access;
    JsonInt major, minor;
} OciDeviceRule;

typedef struct OciMemory {
    JsonInt limit, reservation, swap, kernel, kernel_tcp;
    JsonUint swappiness;
    JsonBool disable_oom_killer, use_hierarchy, check_before_update;
} OciMemory;

typedef struct OciCpu {
    JsonUint shares, period, burst, realtime_period;
    JsonInt quota, realtime_runtime, idle;
    char *cpus, *mems;
} OciCpu;

typedef struct OciPids {
    JsonInt limit;
} OciPids;

typedef struct OciWeightDevice {
    JsonInt major, minor;
    JsonUint weight, leaf_weight;
} OciWeightDevice;

typedef struct OciThrottleDevice {
    JsonInt major, minor;
    JsonUint rate;
} OciThrottleDevice;

typedef struct OciBlockIo {
    JsonUint weight, leaf_weight;
    JsonObjects weight_device; /* OciWeightDevice */
    /* OciThrottleDevice */
    JsonObjects read_bps, write_bps, read_iops, write_iops;
} OciBlockIo;

typedef struct OciHugepageLimit {
    char *page_size;
    JsonUint limit;
} OciHugepageLimit;

typedef struct OciInterfacePriority {
    char *name;
    JsonUint priority;
} OciInterfacePriority;

typedef struct OciNetworkResources {
    JsonUint class_id;
    JsonObjects priorities; /* OciInterfacePriority */
} OciNetworkResources;

typedef struct OciRdma {
    JsonUint hca_handles, hca_objects;
} OciRdma;

typedef struct OciResources {
    JsonObjects devices; /* OciDeviceRule */
    OciMemory *memory;
    OciCpu *cpu;
    OciPids *pids;
    OciBlockIo *block_io;
    JsonObjects hugepage_limits; /* OciHugepageLimit */
    OciNetworkResources *network;
    JsonObjectMap rdma; /* OciRdma */
    JsonMap unified;
} OciResources;

extern const JsonType oci_resources_type, oci_device_rule_type;
