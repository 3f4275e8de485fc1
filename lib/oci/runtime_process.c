// SPDX-License-Identifier: Apache-2.0
#include "oci/runtime_process.h"

#define T OciUser
static const JsonField user_fields[] = {
    {"uid", JSON_UINT, JSON_AT(uid), .flags = JSON_ALWAYS},
    {"gid", JSON_UINT, JSON_AT(gid), .flags = JSON_ALWAYS},
    {"umask", JSON_UINT, JSON_AT(umask)},
    {"additionalGids", JSON_UINTS, JSON_AT(additional_gids)},
    {"username", JSON_TEXT, JSON_AT(username)},
    {},
};
const JsonType oci_user_type = {sizeof(T), user_fields};
#undef T

#define T OciBox
static const JsonField box_fields[] = {
    {"height", JSON_UINT, JSON_AT(height)},
    {"width", JSON_UINT, JSON_AT(width)},
    {},
};
const JsonType oci_box_type = {sizeof(T), box_fields};
#undef T

#define T OciCapabilities
static const JsonField capabilities_fields[] = {
    {"bounding", JSON_TEXTS, JSON_AT(bounding)},
    {"effective", JSON_TEXTS, JSON_AT(effective)},
    {"inheritable", JSON_TEXTS, JSON_AT(inheritable)},
    {"permitted", JSON_TEXTS, JSON_AT(permitted)},
    {"ambient", JSON_TEXTS, JSON_AT(ambient)},
    {},
};
const JsonType oci_capabilities_type = {sizeof(T), capabilities_fields};
#undef T

#define T OciRlimit
static const JsonField rlimit_fields[] = {
    {"type", JSON_TEXT, JSON_AT(type), .flags = JSON_REQUIRED},
    {"hard", JSON_UINT, JSON_AT(hard), .flags = JSON_REQUIRED},
    {"soft", JSON_UINT, JSON_AT(soft), .flags = JSON_REQUIRED},
    {},
};
const JsonType oci_rlimit_type = {sizeof(T), rlimit_fields};
#undef T

#define T OciScheduler
static const JsonField scheduler_fields[] = {
    {"policy", JSON_TEXT, JSON_AT(policy), .flags = JSON_REQUIRED},
    {"nice", JSON_INT, JSON_AT(nice), .flags = JSON_32},
    {"priority", JSON_INT, JSON_AT(priority), .flags = JSON_32},
    {"flags", JSON_TEXTS, JSON_AT(flags)},
    {"runtime", JSON_UINT, JSON_AT(runtime)},
    {"deadline", JSON_UINT, JSON_AT(deadline)},
    {"period", JSON_UINT, JSON_AT(period)},
    {},
};
static const JsonType scheduler_type = {sizeof(T), scheduler_fields};
#undef T

#define T OciIoPriority
static const JsonField io_priority_fields[] = {
    {"class", JSON_TEXT, JSON_AT(class), .flags = JSON_REQUIRED},
    {"priority", JSON_INT, JSON_AT(priority), .flags = JSON_32},
    {},
};
static const JsonType io_priority_type = {sizeof(T), io_priority_fields};
#undef T

#define T OciCpuAffinity
static const JsonField cpu_affinity_fields[] = {
    {"initial", JSON_TEXT, JSON_AT(initial)},
    {"final", JSON_TEXT, JSON_AT(final)},
    {},
};
static const JsonType cpu_affinity_type = {sizeof(T), cpu_affinity_fields};
#undef T

#define T OciProcess
static const JsonField process_fields[] = {
    {"terminal", JSON_BOOL, JSON_AT(terminal)},
    {"consoleSize", JSON_OBJECT, JSON_AT(console_size), &oci_box_type},
    {"user", JSON_OBJECT, JSON_AT(user), &oci_user_type, JSON_ALWAYS},
    {"args", JSON_TEXTS, JSON_AT(args)},
    {"env", JSON_TEXTS, JSON_AT(env)},
    {"cwd", JSON_TEXT, JSON_AT(cwd), .flags = JSON_ALWAYS},
    {"capabilities", JSON_OBJECT, JSON_AT(capabilities), &oci_capabilities_type},
    {"rlimits", JSON_OBJECTS, JSON_AT(rlimits), &oci_rlimit_type},
    {"noNewPrivileges", JSON_BOOL, JSON_AT(no_new_privileges)},
    {"apparmorProfile", JSON_TEXT, JSON_AT(apparmor_profile)},
    {"selinuxLabel", JSON_TEXT, JSON_AT(selinux_label)},
    {"oomScoreAdj", JSON_INT, JSON_AT(oom_score_adj)},
    {"scheduler", JSON_OBJECT, JSON_AT(scheduler), &scheduler_type},
    {"ioPriority", JSON_OBJECT, JSON_AT(io_priority), &io_priority_type},
    {"execCPUAffinity", JSON_OBJECT, JSON_AT(exec_cpu_affinity), &cpu_affinity_type},
    {},
};
const JsonType oci_process_type = {sizeof(T), process_fields};
#undef T
