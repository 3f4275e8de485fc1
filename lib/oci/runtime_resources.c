// SPDX-License-Identifier: Apache-2.0
#include "oci/runtime_resources.h"

#define T OciDeviceRule
static const JsonField device_rule_fields[] = {
    {"allow", JSON_BOOL, JSON_AT(allow), .flags = JSON_ALWAYS},
    {"type", JSON_TEXT, JSON_AT(type)},
    {"major", JSON_INT, JSON_AT(major), .flags = JSON_32},
    {"minor", JSON_INT, JSON_AT(minor), .flags = JSON_32},
    {"access", JSON_TEXT, JSON_AT(access)},
    {},
};
const JsonType oci_device_rule_type = {sizeof(T), device_rule_fields};
#undef T

#define T OciMemory
static const JsonField memory_fields[] = {
    {"limit", JSON_INT, JSON_AT(limit)},
    {"reservation", JSON_INT, JSON_AT(reservation)},
    {"swap", JSON_INT, JSON_AT(swap)},
    {"kernel", JSON_INT, JSON_AT(kernel)},
    {"kernelTCP", JSON_INT, JSON_AT(kernel_tcp)},
    {"swappiness", JSON_UINT, JSON_AT(swappiness)},
    {"disableOOMKiller", JSON_BOOL, JSON_AT(disable_oom_killer)},
    {"useHierarchy", JSON_BOOL, JSON_AT(use_hierarchy)},
    {"checkBeforeUpdate", JSON_BOOL, JSON_AT(check_before_update)},
    {},
};
static const JsonType memory_type = {sizeof(T), memory_fields};
#undef T

#define T OciCpu
static const JsonField cpu_fields[] = {
    {"shares", JSON_UINT, JSON_AT(shares)},
    {"quota", JSON_INT, JSON_AT(quota)},
    {"burst", JSON_UINT, JSON_AT(burst)},
    {"period", JSON_UINT, JSON_AT(period)},
    {"realtimeRuntime", JSON_INT, JSON_AT(realtime_runtime)},
    {"realtimePeriod", JSON_UINT, JSON_AT(realtime_period)},
    {"cpus", JSON_TEXT, JSON_AT(cpus)},
    {"mems", JSON_TEXT, JSON_AT(mems)},
    {"idle", JSON_INT, JSON_AT(idle)},
    {},
};
static const JsonType cpu_type = {sizeof(T), cpu_fields};
#undef T

#define T OciPids
static const JsonField pids_fields[] = {
    {"limit", JSON_INT, JSON_AT(limit)},
    {},
};
static const JsonType pids_type = {sizeof(T), pids_fields};
#undef T

#define T OciWeightDevice
static const JsonField weight_device_fields[] = {
    {"major", JSON_INT, JSON_AT(major), .flags = JSON_REQUIRED | JSON_32},
    {"minor", JSON_INT, JSON_AT(minor), .flags = JSON_REQUIRED | JSON_32},
    {"weight", JSON_UINT, JSON_AT(weight), .flags = JSON_16},
    {"leafWeight", JSON_UINT, JSON_AT(leaf_weight), .flags = JSON_16},
    {},
};
static const JsonType weight_device_type = {sizeof(T), weight_device_fields};
#undef T

#define T OciThrottleDevice
static const JsonField throttle_device_fields[] = {
    {"major", JSON_INT, JSON_AT(major), .flags = JSON_REQUIRED | JSON_32},
    {"minor", JSON_INT, JSON_AT(minor), .flags = JSON_REQUIRED | JSON_32},
    {"rate", JSON_UINT, JSON_AT(rate), .flags = JSON_REQUIRED},
    {},
};
static const JsonType throttle_device_type = {sizeof(T), throttle_device_fields};
#undef T

#define T OciBlockIo
static const JsonField block_io_fields[] = {
    {"weight", JSON_UINT, JSON_AT(weight), .flags = JSON_16},
    {"leafWeight", JSON_UINT, JSON_AT(leaf_weight), .flags = JSON_16},
    {"weightDevice", JSON_OBJECTS, JSON_AT(weight_device), &weight_device_type},
    {"throttleReadBpsDevice", JSON_OBJECTS, JSON_AT(read_bps), &throttle_device_type},
    {"throttleWriteBpsDevice", JSON_OBJECTS, JSON_AT(write_bps), &throttle_device_type},
    {"throttleReadIOPSDevice", JSON_OBJECTS, JSON_AT(read_iops), &throttle_device_type},
    {"throttleWriteIOPSDevice", JSON_OBJECTS, JSON_AT(write_iops), &throttle_device_type},
    {},
};
static const JsonType block_io_type = {sizeof(T), block_io_fields};
#undef T

#define T OciHugepageLimit
static const JsonField hugepage_limit_fields[] = {
    {"pageSize", JSON_TEXT, JSON_AT(page_size), .flags = JSON_REQUIRED},
    {"limit", JSON_UINT, JSON_AT(limit), .flags = JSON_REQUIRED},
    {},
};
static const JsonType hugepage_limit_type = {sizeof(T), hugepage_limit_fields};
#undef T

#define T OciInterfacePriority
static const JsonField interface_priority_fields[] = {
    {"name", JSON_TEXT, JSON_AT(name), .flags = JSON_REQUIRED},
    {"priority", JSON_UINT, JSON_AT(priority), .flags = JSON_REQUIRED | JSON_32},
    {},
};
static const JsonType interface_priority_type = {sizeof(T), interface_priority_fields};
#undef T

#define T OciNetworkResources
static const JsonField network_fields[] = {
    {"classID", JSON_UINT, JSON_AT(class_id), .flags = JSON_32},
    {"priorities", JSON_OBJECTS, JSON_AT(priorities), &interface_priority_type},
    {},
};
static const JsonType network_type = {sizeof(T), network_fields};
#undef T

#define T OciRdma
static const JsonField rdma_fields[] = {
    {"hcaHandles", JSON_UINT, JSON_AT(hca_handles), .flags = JSON_32},
    {"hcaObjects", JSON_UINT, JSON_AT(hca_objects), .flags = JSON_32},
    {},
};
static const JsonType rdma_type = {sizeof(T), rdma_fields};
#undef T

#define T OciResources
static const JsonField resources_fields[] = {
    {"devices", JSON_OBJECTS, JSON_AT(devices), &oci_device_rule_type},
    {"memory", JSON_OBJECT, JSON_AT(memory), &memory_type},
    {"cpu", JSON_OBJECT, JSON_AT(cpu), &cpu_type},
    {"pids", JSON_OBJECT, JSON_AT(pids), &pids_type},
    {"blockIO", JSON_OBJECT, JSON_AT(block_io), &block_io_type},
    {"hugepageLimits", JSON_OBJECTS, JSON_AT(hugepage_limits), &hugepage_limit_type},
    {"network", JSON_OBJECT, JSON_AT(network), &network_type},
    {"rdma", JSON_OBJECT_MAP, JSON_AT(rdma), &rdma_type},
    {"unified", JSON_MAP, JSON_AT(unified)},
    {},
};
const JsonType oci_resources_type = {sizeof(T), resources_fields};
#undef T
