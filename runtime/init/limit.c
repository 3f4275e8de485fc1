// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/limit.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "base/memory.h"

static const struct {
    const char *name;
    int resource;
} limits[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

static int set_limit(const OciRlimit *config, size_t i, pid_t pid, Error *err) {
    struct rlimit limit = {.rlim_cur = config->soft.value, .rlim_max = config->hard.value};
    for (size_t row = 0; row < array_size(limits); row++) {
        if (strcmp(limits[row].name, config->type) != 0)
            continue;
        if (prlimit(pid, (__rlimit_resource_t)limits[row].resource, &limit, NULL) < 0)
            return error_set_errno(err, errno, "process.rlimits[%zu]: cannot set %s to %llu:%llu",
                i, config->type, (unsigned long long)config->soft.value,
                (unsigned long long)config->hard.value);
        return 0;
    }
    return error_set(
        err, ERROR_INVALID, "process.rlimits[%zu].type: unknown limit \"%s\"", i, config->type);
}

int limits_set(const JsonObjects *rlimits, pid_t pid, Error *err) {
    const OciRlimit *config = rlimits->item;
    for (size_t i = 0; i < rlimits->n; i++)
        TRY(set_limit(&config[i], i, pid, err));
    return 0;
}
