// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/affinity.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/log.h"
#include "base/range.h"
#include "base/text.h"

static int parse(const char *text, const char *field, RangeSet *ret, Error *err) {
    *ret = (RangeSet){};
    if (text && range_parse(text, ret, err) < 0)
        return error_prefix(err, "process.execCPUAffinity.%s", field);
    return 0;
}

int affinity_check(const OciCpuAffinity *config, Error *err) {
    RangeSet ignored;
    if (!config)
        return 0;
    TRY(parse(config->initial, "initial", &ignored, err));
    return parse(config->final, "final", &ignored, err);
}

static int set_cpus(const RangeSet *cpus, const char *field, Error *err) {
    if (sched_setaffinity(0, sizeof cpus->word, (const cpu_set_t *)cpus->word) < 0)
        return error_set_errno(err, errno, "process.execCPUAffinity.%s", field);
    return 0;
}

int affinity_begin(const OciCpuAffinity *config, Error *err) {
    RangeSet cpus;
    if (!config)
        return 0;
    TRY(parse(config->initial, "initial", &cpus, err));
    if (!cpus.count)
        return 0;
    TRY(set_cpus(&cpus, "initial", err));
    log_debug("nsexec: affinity: 0x%lx", cpus.word[0]); /* runc's words for it */
    return 0;
}

/* sched_setaffinity(2) cuts the mask down to the kernel's CPUs and to the cpuset's, and remembers
 * the rest for the day when the cpuset grows. */
static void use_every_cpu(void) {
    unsigned char all[8192 / 8]; /* as many as a kernel can be built for (CONFIG_NR_CPUS) */
    memset(all, 0xff, sizeof all);
    if (sched_setaffinity(0, sizeof all, (const cpu_set_t *)(const void *)all) < 0)
        log_warning("cannot reset the CPU affinity: %s", strerrordesc_np(errno));
}

int affinity_settle(const OciCpuAffinity *config, Error *err) {
    RangeSet cpus;
    TRY(parse(config ? config->final : NULL, "final", &cpus, err));
    if (cpus.count)
        return set_cpus(&cpus, "final", err);
    /* with only `initial` it is the kernel's choice (config.md#process) */
    if (!config || text_is_empty(config->initial))
        use_every_cpu();
    return 0;
}
