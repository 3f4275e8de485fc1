// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/json.h"

/* "linux.seccomp" of the runtime specification (config-linux.md#seccomp). */

typedef struct OciSeccompArg {
    JsonUint index, value, value_two;
    char *op;
} OciSeccompArg;

typedef struct OciSeccompRule {
    JsonTexts names;
    char *action;
    JsonUint errno_ret;
    JsonObjects args; /* OciSeccompArg */
} OciSeccompRule;

typedef struct OciSeccomp {
    char *default_action;
    JsonUint default_errno_ret;
    JsonTexts architectures, flags;
    char *listener_path, *listener_metadata;
    JsonObjects syscalls; /* OciSeccompRule */
} OciSeccomp;

extern const JsonType oci_seccomp_type, oci_seccomp_rule_type, oci_seccomp_arg_type;
