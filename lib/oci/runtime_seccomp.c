// SPDX-License-Identifier: Apache-2.0
#include "oci/runtime_seccomp.h"

#define T OciSeccompArg
static const JsonField arg_fields[] = {
    {"index", JSON_UINT, JSON_AT(index), .flags = JSON_REQUIRED},
    {"value", JSON_UINT, JSON_AT(value), .flags = JSON_REQUIRED},
    {"valueTwo", JSON_UINT, JSON_AT(value_two)},
    {"op", JSON_TEXT, JSON_AT(op), .flags = JSON_REQUIRED},
    {},
};
const JsonType oci_seccomp_arg_type = {sizeof(T), arg_fields};
#undef T

#define T OciSeccompRule
static const JsonField rule_fields[] = {
    {"names", JSON_TEXTS, JSON_AT(names), .flags = JSON_REQUIRED},
    {"action", JSON_TEXT, JSON_AT(action), .flags = JSON_REQUIRED},
    {"errnoRet", JSON_UINT, JSON_AT(errno_ret), .flags = JSON_16},
    {"args", JSON_OBJECTS, JSON_AT(args), &oci_seccomp_arg_type},
    {},
};
const JsonType oci_seccomp_rule_type = {sizeof(T), rule_fields};
#undef T

#define T OciSeccomp
static const JsonField seccomp_fields[] = {
    {"defaultAction", JSON_TEXT, JSON_AT(default_action), .flags = JSON_REQUIRED},
    {"defaultErrnoRet", JSON_UINT, JSON_AT(default_errno_ret), .flags = JSON_16},
    {"architectures", JSON_TEXTS, JSON_AT(architectures)},
    {"flags", JSON_TEXTS, JSON_AT(flags)},
    {"listenerPath", JSON_TEXT, JSON_AT(listener_path)},
    {"listenerMetadata", JSON_TEXT, JSON_AT(listener_metadata)},
    {"syscalls", JSON_OBJECTS, JSON_AT(syscalls), &oci_seccomp_rule_type},
    {},
};
const JsonType oci_seccomp_type = {sizeof(T), seccomp_fields};
#undef T
