// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/full.h"

#include <errno.h>
#include <string.h>

#include "base/path.h"
#include "base/text.h"
#include "runtime/cgroup/statistics_text.h"

static const CgroupDirectory *directory_of(const Cgroup *cgroup, const char *controller) {
    return cgroup_find(cgroup, cgroup->v2 ? "" : controller);
}

/* The cgroup's own limit, or that of one above it. */
static void explain_processes(const Cgroup *cgroup, Error *err) {
    const CgroupDirectory *own = directory_of(cgroup, "pids");
    autofree char *path = own ? text_copy(own->path) : NULL;
    while (path && strcmp(path, "/") != 0) {
        const CgroupDirectory at = {.path = path};
        uint64_t limit = statistics_read_number(&at, "pids.max");
        autodone(Text) text = {};
        bool limited = *statistics_read(&at, "pids.max", &text) && limit != UINT64_MAX;
        if (limited && statistics_read_number(&at, "pids.current") >= limit) {
            error_explain(err, "the limit of processes is reached: pids.max of cgroup '%s' is %llu",
                path, (unsigned long long)limit);
            return;
        }
        char *parent = path_parent(path);
        free(path);
        path = parent;
    }
}

/* v1: no process may live where there is no CPU, or no memory node (cgroup-v1/cpusets.rst). */
static void explain_cpuset(const Cgroup *cgroup, Error *err) {
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    const CgroupDirectory *directory = cgroup->v2 ? NULL : cgroup_find(cgroup, "cpuset");
    for (size_t i = 0; directory && i < 2; i++) {
        autodone(Text) text = {};
        if (*statistics_read(directory, files[i], &text) == '\n')
            error_explain(err, "%s of cgroup '%s' is empty", files[i], directory->path);
    }
}

static uint64_t kills(const Cgroup *cgroup) {
    autodone(Text) text = {};
    const char *file = cgroup->v2 ? "memory.events" : "memory.oom_control";
    return statistics_find(
        statistics_read(directory_of(cgroup, "memory"), file, &text), "oom_kill");
}

/* The words are those of the reference runtime, for which its users look. */
static void explain_death(const Cgroup *cgroup, bool first, Error *err) {
    if (!kills(cgroup))
        return;
    const CgroupDirectory *memory = directory_of(cgroup, "memory");
    const char *file = cgroup->v2 ? "memory.max" : "memory.limit_in_bytes";
    uint64_t limit = statistics_read_number(memory, file);
    if (!first)
        error_explain(err, "possibly OOM-killed");
    else
        error_set(err, ERROR_EXHAUSTED,
            "container init was OOM-killed (memory limit too low?): %s of cgroup '%s' is %llu",
            file, memory->path, (unsigned long long)limit);
}

void cgroup_explain_failure(const Cgroup *cgroup, bool first, Error *err) {
    bool cloned = text_starts(err->message, "cannot clone"), died = err->code == ERROR_UNAVAILABLE;
    if (err->sys == EAGAIN && cloned)
        explain_processes(cgroup, err);
    else if (err->sys == ENOSPC)
        explain_cpuset(cgroup, err);
    else if (died || err->sys == EPIPE || err->sys == ECONNRESET)
        explain_death(cgroup, first, err);
}
