// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/json.h"

/* What a runtime says that it can do (features.md, features-linux.md). */

typedef struct OciEnabled {
    JsonBool enabled;
} OciEnabled;

typedef struct OciCgroupFeatures {
    JsonBool v1, v2, systemd, systemd_user, rdma;
} OciCgroupFeatures;

typedef struct OciSeccompFeatures {
    JsonBool enabled;
    JsonTexts actions, operators, archs, known_flags, supported_flags;
} OciSeccompFeatures;

typedef struct OciIntelRdtFeatures {
    JsonBool enabled, schemata, monitoring;
} OciIntelRdtFeatures;

typedef struct OciMemoryPolicyFeatures {
    JsonTexts modes, flags;
} OciMemoryPolicyFeatures;

typedef struct OciMountExtensions {
    OciEnabled *id_map;
} OciMountExtensions;

typedef struct OciLinuxFeatures {
    JsonTexts namespaces, capabilities;
    OciCgroupFeatures *cgroup;
    OciSeccompFeatures *seccomp;
    OciEnabled *apparmor, *selinux, *net_devices;
    OciIntelRdtFeatures *intel_rdt;
    OciMemoryPolicyFeatures *memory_policy;
    OciMountExtensions *mount_extensions;
} OciLinuxFeatures;

typedef struct OciFeatures {
    char *version_min, *version_max;
    JsonTexts hooks, mount_options;
    OciLinuxFeatures *linux;
    JsonMap annotations;
    JsonTexts unsafe_annotations;
} OciFeatures;

extern const JsonType oci_features_type;
