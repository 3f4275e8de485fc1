// SPDX-License-Identifier: Apache-2.0
#include "shim/metrics/metrics.h"

#include <unistd.h>

#include "shim/cgroup.h"

static const char *const controllers[METRICS_V1 + 1] = {
    [METRICS_MEMORY] = "memory",
    [METRICS_CPUACCT] = "cpuacct",
    [METRICS_CPU] = "cpu",
    [METRICS_PIDS] = "pids",
    [METRICS_BLKIO] = "blkio",
    [METRICS_HUGETLB] = "hugetlb",
    [METRICS_V1] = "", /* the unified hierarchy */
};

int metrics_collect(pid_t init, Metrics *ret, Error *err) {
    int directories[METRICS_V1 + 1];
    TRY(cgroup_open_directories(init, controllers, METRICS_V1 + 1, directories, err));
    bool v1 = directories[METRICS_MEMORY] >= 0 || directories[METRICS_CPUACCT] >= 0;
    bool v2 = directories[METRICS_V1] >= 0;
    if (v1)
        metrics_pack_v1(init, directories, ret);
    else if (v2)
        metrics_pack_v2(init, directories[METRICS_V1], ret);
    for (int i = 0; i <= METRICS_V1; i++)
        if (directories[i] >= 0)
            close(directories[i]);
    return v1 || v2 ? 0
                    : error_set(err, ERROR_NOT_FOUND, "no cgroup of process %d counts", (int)init);
}
