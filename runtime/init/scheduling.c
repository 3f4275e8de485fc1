// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "runtime/init/memory_policy.h"
#include "runtime/init/process.h"

/* process.scheduler, process.ioPriority and linux.personality: words of config.json to the numbers
 * of sched_setattr(2), ioprio_set(2) and personality(2). */

typedef struct Word {
    const char *name;
    unsigned value;
} Word;

static const Word policies[] = {{"SCHED_OTHER", 0}, {"SCHED_FIFO", 1}, {"SCHED_RR", 2},
    {"SCHED_BATCH", 3}, {"SCHED_ISO", 4}, {"SCHED_IDLE", 5}, {"SCHED_DEADLINE", 6}, {}};
static const Word flags[] = {{"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
    {"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM}, {"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
    {"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
    {"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
    {"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX}, {}};
static const Word classes[] = {{"IOPRIO_CLASS_RT", IOPRIO_CLASS_RT},
    {"IOPRIO_CLASS_BE", IOPRIO_CLASS_BE}, {"IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE}, {}};
static const Word domains[] = {{"LINUX", PER_LINUX}, {"LINUX32", PER_LINUX32}, {}};

static int find(const Word *words, const char *name, const char *field, unsigned *ret, Error *err) {
    for (; words->name; words++)
        if (strcmp(words->name, name) == 0)
            return *ret = words->value, 0;
    return error_set(err, ERROR_INVALID, "%s: unknown word \"%s\"", field, name);
}

static int set_scheduler(const OciScheduler *config, bool has_cpus, Error *err) {
    struct sched_attr attr = {.size = sizeof attr,
        .sched_nice = (int)config->nice.value,
        .sched_priority = (unsigned)config->priority.value,
        .sched_runtime = config->runtime.value,
        .sched_deadline = config->deadline.value,
        .sched_period = config->period.value};
    unsigned flag = 0;
    TRY(find(policies, config->policy, "process.scheduler.policy", &attr.sched_policy, err));
    for (size_t i = 0; i < config->flags.n; i++) {
        TRY(find(flags, config->flags.item[i], "process.scheduler.flags", &flag, err));
        attr.sched_flags |= flag;
    }
    if (syscall(SYS_sched_setattr, 0, &attr, 0) < 0) {
        if (errno == EPERM && has_cpus)
            return error_set_errno(err, EPERM,
                "process.scheduler: process scheduler can't be used together with AllowedCPUs");
        return error_set_errno(err, errno, "process.scheduler: cannot set %s", config->policy);
    }
    return 0;
}

static int set_io_priority(const OciIoPriority *config, Error *err) {
    unsigned class = 0;
    TRY(find(classes, config->class, "process.ioPriority.class", &class, err));
    if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
            IOPRIO_PRIO_VALUE(class, (unsigned)config->priority.value)) < 0)
        return error_set_errno(err, errno, "process.ioPriority: cannot set %s", config->class);
    return 0;
}

static int set_personality(const OciPersonality *config, Error *err) {
    unsigned domain = 0;
    TRY(find(domains, config->domain, "linux.personality.domain", &domain, err));
    if (config->flags.n)
        log_warning("linux.personality.flags: ignored, none are defined");
    if (personality(domain) < 0)
        return error_set_errno(err, errno, "linux.personality");
    return 0;
}

/* sched_setattr(2): SCHED_DEADLINE wants every CPU, which a cpuset denies. */
static bool has_cpuset(const OciLinux *config) {
    const OciResources *resources = config ? config->resources : NULL;
    return resources && resources->cpu && !text_is_empty(resources->cpu->cpus);
}

int process_set_scheduling(Init *init, Error *err) {
    const OciLinux *config = init->spec->linux;
    if (init->process->scheduler)
        TRY(set_scheduler(init->process->scheduler, has_cpuset(config), err));
    if (init->process->io_priority)
        TRY(set_io_priority(init->process->io_priority, err));
    if (config && config->personality)
        TRY(set_personality(config->personality, err));
    return config ? memory_policy_set(config->memory_policy, err) : 0;
}

static int misplaced(Error *err, const char *field, const char *policy) {
    return error_set(err, ERROR_INVALID, "process.scheduler.%s: not with policy %s", field, policy);
}

/* What sched_setattr(2) would silently ignore is an error. */
static int check_scheduler(const OciScheduler *config, Error *err) {
    unsigned policy = 0, ignored;
    TRY(find(policies, config->policy, "process.scheduler.policy", &policy, err));
    for (size_t i = 0; i < config->flags.n; i++)
        TRY(find(flags, config->flags.item[i], "process.scheduler.flags", &ignored, err));
    bool fair = policy == SCHED_NORMAL || policy == SCHED_BATCH;
    bool realtime = policy == SCHED_FIFO || policy == SCHED_RR;
    if (fair && (config->nice.value < -20 || config->nice.value > 19))
        return error_set(err, ERROR_INVALID, "process.scheduler.nice: expected -20 to 19");
    if (config->priority.value && !realtime)
        return misplaced(err, "priority", config->policy);
    if (policy != SCHED_DEADLINE &&
        (config->runtime.value || config->deadline.value || config->period.value))
        return misplaced(err, "runtime, deadline, period", config->policy);
    return 0;
}

static int check_io_priority(const OciIoPriority *config, Error *err) {
    unsigned ignored;
    TRY(find(classes, config->class, "process.ioPriority.class", &ignored, err));
    if (config->priority.value < 0 || config->priority.value > 7)
        return error_set(err, ERROR_INVALID, "process.ioPriority.priority: expected 0 to 7");
    return 0;
}

int process_check_scheduling(const OciProcess *process, Error *err) {
    if (process->scheduler)
        TRY(check_scheduler(process->scheduler, err));
    return process->io_priority ? check_io_priority(process->io_priority, err) : 0;
}

int process_set_oom_score(const OciProcess *process, Error *err) {
    if (!process->oom_score_adj.set)
        return 0;
    autofree char *value = text_format("%lld", (long long)process->oom_score_adj.value);
    if (file_write_kernel(AT_FDCWD, "/proc/self/oom_score_adj", value, err) < 0)
        return error_prefix(err, "process.oomScoreAdj");
    return 0;
}
