// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/features.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "oci/runtime.h"
#include "oci/runtime_features.h"
#include "runtime/init/memory_policy.h"
#include "runtime/namespace/namespace.h"
#include "runtime/rootfs/mount_option.h"
#include "runtime/security/capability.h"
#include "runtime/security/seccomp.h"
#include "version.h"

static const char *const hook_names[] = {"prestart", "createRuntime", "createContainer",
    "startContainer", "poststart", "poststop", NULL};

static void add_all(JsonTexts *ret, const char *const *names) {
    for (; *names; names++)
        json_texts_add(ret, *names);
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_namespaces(JsonTexts *ret) {
    for (int i = 0; i < NAMESPACE_COUNT; i++)
        json_texts_add(ret, namespace_types[i].name);
    qsort(ret->item, ret->n, sizeof *ret->item, compare);
}

static void fill_seccomp(OciSeccompFeatures *ret) {
    ret->enabled = (JsonBool){true, true};
    add_all(&ret->actions, seccomp_action_names);
    add_all(&ret->operators, seccomp_operator_names);
    add_all(&ret->archs, seccomp_arch_names);
    add_all(&ret->known_flags, seccomp_flag_names);
    add_all(&ret->supported_flags, seccomp_flag_names);
}

static void fill(OciFeatures *ret) {
    const JsonBool yes = {true, true};
    ret->version_min = text_copy("1.0.0");
    ret->version_max = text_copy(OCI_RUNTIME_VERSION);
    add_all(&ret->hooks, hook_names);
    const char **names = mount_option_names();
    add_all(&ret->mount_options, names);
    free(names);
    ret->linux = new (OciLinuxFeatures);
    add_namespaces(&ret->linux->namespaces);
    add_all(&ret->linux->capabilities, capability_names);
    ret->linux->cgroup = new (OciCgroupFeatures);
    *ret->linux->cgroup = (OciCgroupFeatures){yes, yes, yes, yes, yes};
    ret->linux->seccomp = new (OciSeccompFeatures);
    fill_seccomp(ret->linux->seccomp);
    ret->linux->apparmor = new (OciEnabled);
    ret->linux->apparmor->enabled = yes;
    ret->linux->selinux = new (OciEnabled);
    ret->linux->selinux->enabled = yes;
    ret->linux->net_devices = new (OciEnabled);
    ret->linux->net_devices->enabled = yes;
    ret->linux->intel_rdt = new (OciIntelRdtFeatures);
    *ret->linux->intel_rdt = (OciIntelRdtFeatures){yes, yes, yes};
    ret->linux->memory_policy = new (OciMemoryPolicyFeatures);
    add_all(&ret->linux->memory_policy->modes, memory_policy_modes);
    add_all(&ret->linux->memory_policy->flags, memory_policy_flags);
    ret->linux->mount_extensions = new (OciMountExtensions);
    ret->linux->mount_extensions->id_map = new (OciEnabled);
    ret->linux->mount_extensions->id_map->enabled = yes;
    json_texts_add(&ret->unsafe_annotations, "org.systemd.property.");
    json_texts_add(&ret->unsafe_annotations, "org.criu.config");
    json_texts_add(&ret->unsafe_annotations, "run.oci.");
    json_map_set(
        &ret->annotations, "io.github.seccomp.libseccomp.version", seccomp_library_version());
    /* what engines look for; whether criu is there shows when it is needed */
    json_map_set(&ret->annotations, "org.opencontainers.runc.checkpoint.enabled", "true");
    json_map_set(&ret->annotations, "org.tare.runtime.version", TARE_VERSION);
    json_map_set(&ret->annotations, "org.tare.runtime.commit", TARE_COMMIT);
}

char *features_encode(void) {
    OciFeatures features = {};
    fill(&features);
    char *text = json_encode(&oci_features_type, &features, 4);
    json_done(&oci_features_type, &features);
    return text;
}
