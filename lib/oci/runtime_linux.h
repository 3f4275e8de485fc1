// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/json.h"
#include "oci/runtime_resources.h"
#include "oci/runtime_seccomp.h"

/* The "linux" object of the runtime specification (config-linux.md). */

typedef struct OciIdMapping {
    JsonUint container_id, host_id, size;
} OciIdMapping;

typedef struct OciNamespace {
    char *type, *path;
} OciNamespace;

typedef struct OciDevice {
    char *path, *type;
    JsonInt major, minor;
    JsonUint file_mode, uid, gid;
} OciDevice;

typedef struct OciTimeOffset {
    JsonInt seconds;
    JsonUint nanoseconds;
} OciTimeOffset;

typedef struct OciPersonality {
    char *domain;
    JsonTexts flags;
} OciPersonality;

typedef struct OciMemoryPolicy {
    char *mode, *nodes;
    JsonTexts flags;
} OciMemoryPolicy;

typedef struct OciNetDevice {
    char *name;
} OciNetDevice;

typedef struct OciIntelRdt {
    char *clos_id, *l3_cache_schema, *mem_bw_schema;
    JsonTexts schemata;
    JsonBool enable_monitoring;
} OciIntelRdt;

typedef struct OciLinux {
    JsonObjects uid_mappings, gid_mappings; /* OciIdMapping */
    JsonMap sysctl;
    OciResources *resources;
    char *cgroups_path;
    JsonObjects namespaces; /* OciNamespace */
    JsonObjects devices;    /* OciDevice */
    OciSeccomp *seccomp;
    char *rootfs_propagation;
    JsonTexts masked_paths, readonly_paths;
    char *mount_label;
    OciPersonality *personality;
    JsonObjectMap time_offsets; /* OciTimeOffset */
    OciIntelRdt *intel_rdt;
    OciMemoryPolicy *memory_policy;
    JsonObjectMap net_devices; /* OciNetDevice */
} OciLinux;

extern const JsonType oci_linux_type, oci_id_mapping_type, oci_namespace_type, oci_device_type,
    oci_time_offset_type;
