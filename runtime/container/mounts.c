// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/mounts.h"

#include "runtime/rootfs/live.h"

static int open_namespaces(const Container *container, Namespaces *ret, Error *err) {
    namespaces_clear(ret);
    if (!container_is_alive(container))
        return error_set(err, ERROR_STATE, "container not running");
    TRY(namespaces_init_of_process(ret, (pid_t)container->record.pid.value, err));
    /* the pid may have been used anew meanwhile; from here on its descriptor is that process */
    return container_is_alive(container) ? 0 : error_set(err, ERROR_STATE, "container not running");
}

static int add(const Container *container, const OciSpec *spec, Error *err) {
    Namespaces namespaces;
    Rootfs rootfs = ROOTFS_NONE;
    Cgroup cgroup;
    container_load_cgroup(container, &cgroup);
    int r = open_namespaces(container, &namespaces, err);
    if (r >= 0)
        r = rootfs_init(&rootfs, spec, &namespaces, container->record.bundle, &cgroup, false, err);
    if (r >= 0)
        r = live_mounts_add(&rootfs, (pid_t)container->record.pid.value, err);
    rootfs_done(&rootfs);
    namespaces_done(&namespaces);
    cgroup_done(&cgroup);
    return r;
}

int container_add_mounts(const Container *container, JsonObjects *mounts, Error *err) {
    OciSpec spec = {};
    TRY(container_load_config(container, &spec, err));
    JsonObjects before = spec.mounts;
    spec.mounts = *mounts;
    int r = add(container, &spec, err);
    spec.mounts = before;
    json_done(&oci_spec_type, &spec);
    return r;
}

int container_remove_mounts(const Container *container, const JsonObjects *mounts, Error *err) {
    Namespaces namespaces;
    int r = open_namespaces(container, &namespaces, err);
    if (r >= 0)
        r = live_mounts_remove(&namespaces, (pid_t)container->record.pid.value, mounts, err);
    namespaces_done(&namespaces);
    return r;
}
