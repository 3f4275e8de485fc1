// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/json.h"
#include "oci/runtime_linux.h"
#include "oci/runtime_process.h"

/* config.json of the OCI runtime specification 1.3 (config.md), and the state that hooks and
 * `state` see (runtime.md#state). Decode and encode with json_decode and json_encode, release with
 * json_done. Absent objects are NULL pointers. */

#define OCI_RUNTIME_VERSION "1.3.0"

typedef struct OciRoot {
    char *path;
    JsonBool readonly;
} OciRoot;

typedef struct OciMount {
    char *destination, *type, *source;
    JsonTexts options;
    JsonObjects uid_mappings, gid_mappings; /* OciIdMapping */
} OciMount;

typedef struct OciHook {
    char *path;
    JsonTexts args, env;
    JsonInt timeout; /* seconds */
} OciHook;

typedef struct OciHooks {
    /* OciHook */
    JsonObjects prestart, create_runtime, create_container, start_container, poststart, poststop;
} OciHooks;

typedef struct OciSpec {
    char *oci_version;
    OciProcess *process;
    OciRoot *root;
    char *hostname, *domainname;
    JsonObjects mounts; /* OciMount */
    OciHooks *hooks;
    JsonMap annotations;
    OciLinux *linux;
} OciSpec;

typedef struct OciState {
    char *oci_version, *id, *status;
    JsonInt pid;
    char *bundle;
    JsonMap annotations;
} OciState;

extern const JsonType oci_spec_type, oci_mount_type, oci_hook_type, oci_state_type;
