// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/container/exec.h"
#include "engine/container/record.h"
#include "engine/container/spec/identity.h"
#include "oci/runtime.h"

/* From what user, image and engine say to the runtime's config.json, as Docker does it. Asks no
 * file system: everything that was looked up comes in. */
typedef struct SpecInput {
    const ContainerRecord *record;
    const Identity *identity;
    const char *directory; /* ROOT/containers/ID: hostname, hosts, resolv.conf */
    const char *root;      /* ROOT */
    const char *bundle;    /* STATE/bundles/ID: parts of volumes are mounted there */
    const char *sandbox;   /* network namespace; NULL: the host's, and no /etc files of ours */
    bool cgroup_v2, no_new_privileges;
    const JsonObjects *host_devices; /* OciDevice; for privileged containers */
} SpecInput;

int spec_build(const SpecInput *input, OciSpec *ret, Error *err);

/* The process of an exec. */
int spec_build_exec(const SpecInput *input, const ExecSettings *exec, OciProcess *ret, Error *err);

/* What will be executed: the user's and the image's words combined. ERROR_INVALID: "no command
 * specified". */
int spec_command(const ContainerRecord *record, JsonTexts *ret, Error *err);

/* Config.Env of inspect: the user's variables over the image's. */
void spec_environment(const ContainerRecord *record, JsonTexts *ret);

const char *spec_user(const ContainerRecord *record);
char *spec_directory(const ContainerRecord *record); /* absolute and clean; new string */
char *spec_hostname(const ContainerRecord *record);  /* new string */
const char *spec_stop_signal(const ContainerRecord *record);

/* Where the engine mounts what the user did not ask for, and its mark: absolute paths, appended. */
#define CONTAINER_MARK ".dockerenv" /* an empty file at the root of every container */
void spec_own_mounts(const ContainerRecord *record, JsonTexts *ret);

/* Data shared with inspect. */
extern const char *const spec_masked_paths[], *const spec_readonly_paths[]; /* end with NULL */

/* Parts, one file each. */
int spec_build_process(const SpecInput *input, OciProcess *ret, Error *err);
void spec_build_mounts(const SpecInput *input, OciSpec *spec);
void spec_build_linux(const SpecInput *input, OciSpec *spec);
void spec_build_limits(const ContainerSettings *settings, OciResources *resources);

/* Checks of the user's words when a container is created. */
int spec_check(const ContainerRecord *record, Error *err);
