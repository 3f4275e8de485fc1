// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/container/spec/cgroups.h"
#include "engine/container/spec/seccomp.h"
#include "engine/container/spec/spec.h"

enum {
    CPU_PERIOD = 100000 /* µs */,
    CPUS_MAX = 1024
};

/* moby's lists of September 2026 (rule D). */
const char *const spec_masked_paths[] = {"/proc/acpi", "/proc/asound", "/proc/interrupts",
    "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
    "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
    NULL};
const char *const spec_readonly_paths[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL};

/* Devices a container may use beside those that the runtime always allows. */
static const struct {
    bool allow;
    int64_t major, minor;
} device_rules[] = {{true, 1, 5}, {true, 1, 3}, {true, 1, 9}, {true, 1, 8}, {true, 5, 0},
    {true, 5, 1}, {false, 10, 229}};

static void add_namespace(OciLinux *linux, const char *type, const char *path) {
    OciNamespace *added = json_objects_add(&linux->namespaces, &oci_namespace_type);
    added->type = text_copy(type);
    added->path = text_copy(path);
}

/* Docker gives a cgroup namespace of its own only where cgroups are v2 and nobody is privileged. */
static void build_namespaces(const SpecInput *input, OciLinux *linux) {
    add_namespace(linux, "mount", NULL);
    if (input->sandbox)
        add_namespace(linux, "network", input->sandbox);
    add_namespace(linux, "uts", NULL);
    add_namespace(linux, "pid", NULL);
    add_namespace(linux, "ipc", NULL);
    if (input->cgroup_v2)
        add_namespace(linux, "cgroup", NULL);
}

static OciDeviceRule *add_rule(OciResources *resources, bool allow) {
    OciDeviceRule *rule = json_objects_add(&resources->devices, &oci_device_rule_type);
    rule->allow = (JsonBool){true, allow};
    rule->access = text_copy("rwm");
    return rule;
}

static void build_device_rules(const SpecInput *input, OciResources *resources) {
    bool privileged = input->record->settings->privileged.value;
    add_rule(resources, privileged);
    for (size_t i = 0; !privileged && i < array_size(device_rules); i++) {
        OciDeviceRule *rule = add_rule(resources, device_rules[i].allow);
        rule->type = text_copy("c");
        rule->major = (JsonInt){true, device_rules[i].major};
        rule->minor = (JsonInt){true, device_rules[i].minor};
    }
}

/* Docker's rule: twice the memory for memory and swap together. */
void spec_build_limits(const ContainerSettings *settings, OciResources *resources) {
    if (settings->memory.value > 0) {
        resources->memory = new (OciMemory);
        resources->memory->limit = (JsonInt){true, settings->memory.value};
        resources->memory->swap = (JsonInt){true, settings->memory.value * 2};
    }
    if (settings->nano_cpus.value > 0) {
        resources->cpu = new (OciCpu);
        resources->cpu->period = (JsonUint){true, CPU_PERIOD};
        resources->cpu->quota =
            (JsonInt){true, settings->nano_cpus.value * CPU_PERIOD / 1000000000};
    }
    if (settings->pids_limit.value != 0) {
        resources->pids = new (OciPids);
        resources->pids->limit = (JsonInt){true, settings->pids_limit.value};
    }
}

static void add_texts(JsonTexts *ret, const char *const *texts) {
    for (; *texts; texts++)
        json_texts_add(ret, *texts);
}

/* Per-CPU throttle counters tell what neighbours do (GHSA-6fw5-f8r9-fgfm). */
static void build_masks(OciLinux *linux) {
    add_texts(&linux->masked_paths, spec_masked_paths);
    add_texts(&linux->readonly_paths, spec_readonly_paths);
    long cpus = sysconf(_SC_NPROCESSORS_CONF);
    for (long i = 0; i < cpus && i < CPUS_MAX; i++) {
        autofree char *path = text_format("/sys/devices/system/cpu/cpu%ld/thermal_throttle", i);
        if (file_exists(AT_FDCWD, path))
            json_texts_add(&linux->masked_paths, path);
    }
}

static void build_devices(const SpecInput *input, OciLinux *linux) {
    const JsonObjects *devices = input->host_devices;
    for (size_t i = 0; devices && i < devices->n; i++) {
        const OciDevice *from = (const OciDevice *)devices->item + i;
        OciDevice *device = json_objects_add(&linux->devices, &oci_device_type);
        *device = *from;
        device->path = text_copy(from->path);
        device->type = text_copy(from->type);
    }
}

void spec_build_linux(const SpecInput *input, OciSpec *spec) {
    OciLinux *linux = spec->linux;
    const ContainerSettings *settings = input->record->settings;
    linux->cgroups_path = text_format(CGROUP_PARENT "/%s", input->record->id);
    linux->resources = new (OciResources);
    build_namespaces(input, linux);
    build_device_rules(input, linux->resources);
    spec_build_limits(settings, linux->resources);
    build_devices(input, linux);
    if (input->sandbox) {
        json_map_set(&linux->sysctl, "net.ipv4.ip_unprivileged_port_start", "0");
        json_map_set(&linux->sysctl, "net.ipv4.ping_group_range", "0 2147483647");
    }
    if (settings->privileged.value)
        return;
    build_masks(linux);
    linux->seccomp = seccomp_default(&spec->process->capabilities->bounding);
}
