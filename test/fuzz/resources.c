// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/cgroup/limits.h"
#include "target.h"

/* linux.resources, also the file of `update --resources`: decoded and written into a directory that
 * has all files of a v1 and of a v2 cgroup, and nothing else is ever touched. */

static const char *const names[] = {"blkio.throttle.read_bps_device",
    "blkio.throttle.read_iops_device", "blkio.throttle.write_bps_device",
    "blkio.throttle.write_iops_device", "blkio.weight", "blkio.weight_device", "cpu.cfs_burst_us",
    "cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.idle", "cpu.max", "cpu.max.burst",
    "cpu.rt_period_us", "cpu.rt_runtime_us", "cpu.shares", "cpu.weight", "cpuset.cpus",
    "cpuset.mems", "devices.allow", "devices.deny", "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max",
    "io.max", "io.weight", "memory.kmem.tcp.limit_in_bytes", "memory.limit_in_bytes", "memory.low",
    "memory.max", "memory.memsw.limit_in_bytes", "memory.oom_control", "memory.soft_limit_in_bytes",
    "memory.swap.max", "memory.swappiness", "memory.usage_in_bytes", "memory.use_hierarchy",
    "net_cls.classid", "net_prio.ifpriomap", "pids.max", "rdma.max"};

static char directory[] = "/tmp/tare-fuzz.XXXXXX/cgroup";

static void remove_directory(void) {
    Error ignored;
    *strrchr(directory, '/') = '\0';
    (void)file_remove_tree(AT_FDCWD, directory, &ignored);
}

static int open_directory(void) {
    int dir;
    char *slash = strrchr(directory, '/');
    *slash = '\0';
    if (!mkdtemp(directory))
        abort();
    *slash = '/';
    if (mkdirat(AT_FDCWD, directory, 0700) < 0)
        abort();
    dir = openat(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        close(openat(dir, names[i], O_WRONLY | O_CREAT, 0600));
    atexit(remove_directory);
    return dir;
}

/* A limit that made a file of its own would have made it here. */
static void check_directory(int dir) {
    size_t n = 0;
    DIR *stream = fdopendir(openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (struct dirent *entry; (entry = readdir(stream));)
        n += entry->d_name[0] != '.';
    closedir(stream);
    if (n != 1)
        abort();
}

static void write_limits(const OciResources *resources, const char *controllers, int dir, bool v2) {
    Error err = {};
    CgroupDirectory item = {.controllers = text_copy(controllers),
        .mount = text_copy("/tmp"),
        .path = text_copy(directory),
        .fd = dir,
        .tasks_fd = -1};
    Cgroup cgroup = {.item = &item, .n = 1, .v2 = v2};
    (void)limits_write_all(&cgroup, resources, &err);
    (void)limits_rewrite(&cgroup, resources, &err);
    free(item.controllers);
    free(item.mount);
    free(item.path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int dir = -1;
    Error err = {};
    OciResources resources;
    if (dir < 0)
        dir = open_directory();
    if (json_decode(&oci_resources_type, (const char *)data, size, &resources, &err) >= 0) {
        write_limits(&resources,
            "cpu,cpuset,memory,pids,blkio,devices,hugetlb,net_cls,net_prio,rdma", dir, false);
        write_limits(&resources, "", dir, true);
        check_directory(dir);
    }
    json_done(&oci_resources_type, &resources);
    return 0;
}
