// SPDX-License-Identifier: Apache-2.0
#include "oci/runtime_features.h"

#define T OciEnabled
static const JsonField enabled_fields[] = {
    {"enabled", JSON_BOOL, JSON_AT(enabled)},
    {},
};
static const JsonType enabled_type = {sizeof(T), enabled_fields};
#undef T

#define T OciCgroupFeatures
static const JsonField cgroup_fields[] = {
    {"v1", JSON_BOOL, JSON_AT(v1)},
    {"v2", JSON_BOOL, JSON_AT(v2)},
    {"systemd", JSON_BOOL, JSON_AT(systemd)},
    {"systemdUser", JSON_BOOL, JSON_AT(systemd_user)},
    {"rdma", JSON_BOOL, JSON_AT(rdma)},
    {},
};
static const JsonType cgroup_type = {sizeof(T), cgroup_fields};
#undef T

#define T OciSeccompFeatures
static const JsonField seccomp_fields[] = {
    {"enabled", JSON_BOOL, JSON_AT(enabled)},
    {"actions", JSON_TEXTS, JSON_AT(actions)},
    {"operators", JSON_TEXTS, JSON_AT(operators)},
    {"archs", JSON_TEXTS, JSON_AT(archs)},
    {"knownFlags", JSON_TEXTS, JSON_AT(known_flags)},
    {"supportedFlags", JSON_TEXTS, JSON_AT(supported_flags)},
    {},
};
static const JsonType seccomp_type = {sizeof(T), seccomp_fields};
#undef T

#define T OciIntelRdtFeatures
static const JsonField intel_rdt_fields[] = {
    {"enabled", JSON_BOOL, JSON_AT(enabled)},
    {"schemata", JSON_BOOL, JSON_AT(schemata)},
    {"monitoring", JSON_BOOL, JSON_AT(monitoring)},
    {},
};
static const JsonType intel_rdt_type = {sizeof(T), intel_rdt_fields};
#undef T

#define T OciMemoryPolicyFeatures
static const JsonField memory_policy_fields[] = {
    {"modes", JSON_TEXTS, JSON_AT(modes)},
    {"flags", JSON_TEXTS, JSON_AT(flags)},
    {},
};
static const JsonType memory_policy_type = {sizeof(T), memory_policy_fields};
#undef T

#define T OciMountExtensions
static const JsonField mount_extensions_fields[] = {
    {"idmap", JSON_OBJECT, JSON_AT(id_map), &enabled_type},
    {},
};
static const JsonType mount_extensions_type = {sizeof(T), mount_extensions_fields};
#undef T

#define T OciLinuxFeatures
static const JsonField linux_fields[] = {
    {"namespaces", JSON_TEXTS, JSON_AT(namespaces)},
    {"capabilities", JSON_TEXTS, JSON_AT(capabilities)},
    {"cgroup", JSON_OBJECT, JSON_AT(cgroup), &cgroup_type},
    {"seccomp", JSON_OBJECT, JSON_AT(seccomp), &seccomp_type},
    {"apparmor", JSON_OBJECT, JSON_AT(apparmor), &enabled_type},
    {"selinux", JSON_OBJECT, JSON_AT(selinux), &enabled_type},
    {"memoryPolicy", JSON_OBJECT, JSON_AT(memory_policy), &memory_policy_type},
    {"intelRdt", JSON_OBJECT, JSON_AT(intel_rdt), &intel_rdt_type},
    {"mountExtensions", JSON_OBJECT, JSON_AT(mount_extensions), &mount_extensions_type},
    {"netDevices", JSON_OBJECT, JSON_AT(net_devices), &enabled_type},
    {},
};
static const JsonType linux_type = {sizeof(T), linux_fields};
#undef T

#define T OciFeatures
static const JsonField features_fields[] = {
    {"ociVersionMin", JSON_TEXT, JSON_AT(version_min), .flags = JSON_REQUIRED},
    {"ociVersionMax", JSON_TEXT, JSON_AT(version_max), .flags = JSON_REQUIRED},
    {"hooks", JSON_TEXTS, JSON_AT(hooks)},
    {"mountOptions", JSON_TEXTS, JSON_AT(mount_options)},
    {"linux", JSON_OBJECT, JSON_AT(linux), &linux_type},
    {"annotations", JSON_MAP, JSON_AT(annotations)},
    {"potentiallyUnsafeConfigAnnotations", JSON_TEXTS, JSON_AT(unsafe_annotations)},
    {},
};
const JsonType oci_features_type = {sizeof(T), features_fields};
#undef T
