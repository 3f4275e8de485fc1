// SPDX-License-Identifier: Apache-2.0
#include "oci/runtime_linux.h"

#define T OciIdMapping
static const JsonField id_mapping_fields[] = {
    {"containerID", JSON_UINT, JSON_AT(container_id), .flags = JSON_REQUIRED | JSON_32},
    {"hostID", JSON_UINT, JSON_AT(host_id), .flags = JSON_REQUIRED | JSON_32},
    {"size", JSON_UINT, JSON_AT(size), .flags = JSON_REQUIRED | JSON_32},
    {},
};
const JsonType oci_id_mapping_type = {sizeof(T), id_mapping_fields};
#undef T

#define T OciNamespace
static const JsonField namespace_fields[] = {
    {"type", JSON_TEXT, JSON_AT(type), .flags = JSON_REQUIRED},
    {"path", JSON_TEXT, JSON_AT(path)},
    {},
};
const JsonType oci_namespace_type = {sizeof(T), namespace_fields};
#undef T

#define T OciDevice
static const JsonField device_fields[] = {
    {"path", JSON_TEXT, JSON_AT(path), .flags = JSON_REQUIRED},
    {"type", JSON_TEXT, JSON_AT(type), .flags = JSON_REQUIRED},
    {"major", JSON_INT, JSON_AT(major), .flags = JSON_32},
    {"minor", JSON_INT, JSON_AT(minor), .flags = JSON_32},
    {"fileMode", JSON_UINT, JSON_AT(file_mode), .flags = JSON_32},
    {"uid", JSON_UINT, JSON_AT(uid), .flags = JSON_32},
    {"gid", JSON_UINT, JSON_AT(gid), .flags = JSON_32},
    {},
};
const JsonType oci_device_type = {sizeof(T), device_fields};
#undef T

#define T OciTimeOffset
static const JsonField time_offset_fields[] = {
    {"secs", JSON_INT, JSON_AT(seconds)},
    {"nanosecs", JSON_UINT, JSON_AT(nanoseconds), .flags = JSON_32},
    {},
};
const JsonType oci_time_offset_type = {sizeof(T), time_offset_fields};
#undef T

#define T OciPersonality
static const JsonField personality_fields[] = {
    {"domain", JSON_TEXT, JSON_AT(domain), .flags = JSON_REQUIRED},
    {"flags", JSON_TEXTS, JSON_AT(flags)},
    {},
};
static const JsonType personality_type = {sizeof(T), personality_fields};
#undef T

#define T OciMemoryPolicy
static const JsonField memory_policy_fields[] = {
    {"mode", JSON_TEXT, JSON_AT(mode)},
    {"nodes", JSON_TEXT, JSON_AT(nodes)},
    {"flags", JSON_TEXTS, JSON_AT(flags)},
    {},
};
static const JsonType memory_policy_type = {sizeof(T), memory_policy_fields};
#undef T

#define T OciNetDevice
static const JsonField net_device_fields[] = {
    {"name", JSON_TEXT, JSON_AT(name)},
    {},
};
static const JsonType net_device_type = {sizeof(T), net_device_fields};
#undef T

#define T OciIntelRdt
static const JsonField intel_rdt_fields[] = {
    {"closID", JSON_TEXT, JSON_AT(clos_id)},
    {"schemata", JSON_TEXTS, JSON_AT(schemata)},
    {"l3CacheSchema", JSON_TEXT, JSON_AT(l3_cache_schema)},
    {"memBwSchema", JSON_TEXT, JSON_AT(mem_bw_schema)},
    {"enableMonitoring", JSON_BOOL, JSON_AT(enable_monitoring)},
    {},
};
static const JsonType intel_rdt_type = {sizeof(T), intel_rdt_fields};
#undef T

#define T OciLinux
static const JsonField linux_fields[] = {
    {"uidMappings", JSON_OBJECTS, JSON_AT(uid_mappings), &oci_id_mapping_type},
    {"gidMappings", JSON_OBJECTS, JSON_AT(gid_mappings), &oci_id_mapping_type},
    {"sysctl", JSON_MAP, JSON_AT(sysctl)},
    {"resources", JSON_OBJECT, JSON_AT(resources), &oci_resources_type},
    {"cgroupsPath", JSON_TEXT, JSON_AT(cgroups_path)},
    {"namespaces", JSON_OBJECTS, JSON_AT(namespaces), &oci_namespace_type},
    {"devices", JSON_OBJECTS, JSON_AT(devices), &oci_device_type},
    {"seccomp", JSON_OBJECT, JSON_AT(seccomp), &oci_seccomp_type},
    {"rootfsPropagation", JSON_TEXT, JSON_AT(rootfs_propagation)},
    {"maskedPaths", JSON_TEXTS, JSON_AT(masked_paths)},
    {"readonlyPaths", JSON_TEXTS, JSON_AT(readonly_paths)},
    {"mountLabel", JSON_TEXT, JSON_AT(mount_label)},
    {"personality", JSON_OBJECT, JSON_AT(personality), &personality_type},
    {"timeOffsets", JSON_OBJECT_MAP, JSON_AT(time_offsets), &oci_time_offset_type},
    {"intelRdt", JSON_OBJECT, JSON_AT(intel_rdt), &intel_rdt_type},
    {"memoryPolicy", JSON_OBJECT, JSON_AT(memory_policy), &memory_policy_type},
    {"netDevices", JSON_OBJECT_MAP, JSON_AT(net_devices), &net_device_type},
    {},
};
const JsonType oci_linux_type = {sizeof(T), linux_fields};
#undef T
