// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/memory_policy.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/range.h"
#include "base/text.h"

#ifndef MPOL_F_NUMA_BALANCING /* Linux 5.12 */
#define MPOL_F_NUMA_BALANCING (1 << 13)
#endif

/* Numbers of the kernel's interface: MPOL_WEIGHTED_INTERLEAVE is Linux 6.9's. */
enum {
    DEFAULT = 0,
    PREFERRED = 1,
    BIND = 2,
    INTERLEAVE = 3,
    LOCAL = 4,
    PREFERRED_MANY = 5,
    WEIGHTED_INTERLEAVE = 6,
};

const char *const memory_policy_modes[] = {"MPOL_BIND", "MPOL_DEFAULT", "MPOL_INTERLEAVE",
    "MPOL_LOCAL", "MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE", NULL};
static const int mode_values[] = {
    BIND, DEFAULT, INTERLEAVE, LOCAL, PREFERRED, PREFERRED_MANY, WEIGHTED_INTERLEAVE};
_Static_assert(array_size(mode_values) + 1 == array_size(memory_policy_modes), "a number for each");

const char *const memory_policy_flags[] = {
    "MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES", NULL};
static const int flag_values[] = {
    MPOL_F_NUMA_BALANCING, MPOL_F_RELATIVE_NODES, MPOL_F_STATIC_NODES};
_Static_assert(array_size(flag_values) + 1 == array_size(memory_policy_flags), "a number for each");

typedef struct MemoryPolicy {
    int mode; /* with flags */
    RangeSet nodes;
} MemoryPolicy;

static int index_of(const char *const *names, const char *name) {
    for (int i = 0; name && names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static int check_nodes(int mode, size_t count, Error *err) {
    bool none = mode == DEFAULT || mode == LOCAL;
    if (none && count)
        return error_set(err, ERROR_INVALID,
            "linux.memoryPolicy.nodes: memory policy mode requires 0 nodes but got %zu", count);
    if (!none && mode != PREFERRED && !count)
        return error_set(err, ERROR_INVALID,
            "linux.memoryPolicy.nodes: memory policy mode requires at least one node but got 0");
    return 0;
}

static int parse(const OciMemoryPolicy *config, MemoryPolicy *ret, Error *err) {
    int mode = index_of(memory_policy_modes, config->mode);
    if (mode < 0)
        return error_set(err, ERROR_INVALID,
            "linux.memoryPolicy.mode: invalid memory policy mode \"%s\"",
            config->mode ? config->mode : "");
    *ret = (MemoryPolicy){.mode = mode_values[mode]};
    if (config->nodes && range_parse(config->nodes, &ret->nodes, err) < 0)
        return error_prefix(err, "linux.memoryPolicy.nodes: invalid memory policy nodes");
    TRY(check_nodes(ret->mode, ret->nodes.count, err));
    for (size_t i = 0; i < config->flags.n; i++) {
        int flag = index_of(memory_policy_flags, config->flags.item[i]);
        if (flag < 0)
            return error_set(err, ERROR_INVALID,
                "linux.memoryPolicy.flags[%zu]: invalid memory policy flag \"%s\"", i,
                config->flags.item[i]);
        ret->mode |= flag_values[flag];
    }
    return 0;
}

int memory_policy_check(const OciMemoryPolicy *config, Error *err) {
    MemoryPolicy ignored;
    return config ? parse(config, &ignored, err) : 0;
}

int memory_policy_set(const OciMemoryPolicy *config, Error *err) {
    MemoryPolicy policy;
    if (!config)
        return 0;
    TRY(parse(config, &policy, err));
    /* the kernel reads one bit less than it is told */
    if (syscall(SYS_set_mempolicy, policy.mode, policy.nodes.count ? policy.nodes.word : NULL,
            policy.nodes.count ? RANGE_BITS + 1 : 0) < 0)
        return error_set_errno(err, errno, "linux.memoryPolicy: cannot set %s", config->mode);
    return 0;
}
