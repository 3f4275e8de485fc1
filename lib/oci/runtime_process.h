// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/json.h"

/* The "process" object of the runtime specification (config.md#process): config.json's and the
 * file of `exec --process`. */

typedef struct OciUser {
    JsonUint uid, gid, umask;
    JsonUints additional_gids;
    char *username;
} OciUser;

typedef struct OciBox {
    JsonUint height, width;
} OciBox;

typedef struct OciCapabilities {
    JsonTexts bounding, effective, inheritable, permitted, ambient;
} OciCapabilities;

typedef struct OciRlimit {
    char *type;
    JsonUint hard, soft;
} OciRlimit;

typedef struct OciScheduler {
    char *policy;
    JsonInt nice, priority;
    JsonTexts flags;
    JsonUint runtime, deadline, period;
} OciScheduler;

typedef struct OciIoPriority {
    char *class;
    JsonInt priority;
} OciIoPriority;

typedef struct OciCpuAffinity {
    char *initial, *final;
} OciCpuAffinity;

typedef struct OciProcess {
    JsonBool terminal;
    OciBox *console_size;
    OciUser *user;
    JsonTexts args, env;
    char *cwd;
    OciCapabilities *capabilities;
    JsonObjects rlimits; /* OciRlimit */
    JsonBool no_new_privileges;
    char *apparmor_profile, *selinux_label;
    JsonInt oom_score_adj;
    OciScheduler *scheduler;
    OciIoPriority *io_priority;
    OciCpuAffinity *exec_cpu_affinity;
} OciProcess;

extern const JsonType oci_process_type, oci_user_type, oci_box_type, oci_capabilities_type,
    oci_rlimit_type;
