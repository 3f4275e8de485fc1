// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/json.h"
#include "oci/runtime_resources.h"

/* What systemd calls a container's cgroup, and its limits as properties of that unit
 * (systemd.resource-control(5)). Pure: nothing here talks to anyone. */
typedef struct SystemdUnit {
    char *slice; /* "machine.slice" */
    char *name;  /* "libpod-1234.scope" */
} SystemdUnit;

/* "slice:prefix:name" of linux.cgroupsPath; NULL is ":tare:ID". ERROR_INVALID. */
int systemd_unit_parse(
    const char *cgroups_path, const char *id, bool user, SystemdUnit *ret, Error *err);
void systemd_unit_done(SystemdUnit *unit);

/* "a-b.slice" is "/a.slice/a-b.slice", "-.slice" is "/". New string; ERROR_INVALID. */
int systemd_slice_path(const char *slice, char **ret, Error *err);

/* A list of CPUs or nodes ("0-2,5") as the bytes of a mask: "@ay [39]". New string;
 * ERROR_INVALID. */
int systemd_mask(const char *list, char **ret, Error *err);

/* What the unit is, whatever the limits are. */
void systemd_unit_properties(const SystemdUnit *unit, const char *id, bool v2, JsonMap *ret);

/* The limits, each as the reference runtime translates it. */
int systemd_limit_properties(const OciResources *resources, bool v2, JsonMap *ret, Error *err);

/* memory.oom.group of the unified map, which systemd would write anew from a policy that can only
 * be given when the unit is made. */
void systemd_oom_property(const OciResources *resources, JsonMap *ret);

/* DevicePolicy and DeviceAllow. systemd knows only lists of what is allowed, so rules that forbid
 * some device are left to the filter of our own. */
void systemd_device_properties(const OciResources *resources, JsonMap *ret);

/* systemd counts the quota in whole percents of a CPU: rounds it up, for the cgroup to have the
 * same. */
void systemd_round_quota(OciCpu *cpu);

/* Whether a CPU weight is given to a cgroup that shall be idle, which systemd cannot express. */
bool systemd_ignores_weight(const OciResources *resources);

/* The annotations "org.systemd.property.NAME". Only names of properties that limit resources or
 * say how a unit ends: others could make systemd run programs, or reboot. ERROR_DENIED. */
int systemd_annotation_properties(const JsonMap *annotations, JsonMap *ret, Error *err);
