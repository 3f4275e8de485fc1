// SPDX-License-Identifier: Apache-2.0
#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/text.h"
#include "engine/api/docker/container.h"
#include "engine/api/tare/containers.h"
#include "engine/api/tare/services.h"

static bool cgroups_are_v2(void) {
    struct statfs fs;
    return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* Answered from the record; no lock of the container is taken, no shim is asked. */
int api_containers_inspect(RpcCall *call, const Tare__V1__ContainerRequest *request,
    Tare__V1__InspectResponse *response, Error *err) {
    const TareServices *services = rpc_call_user(call);
    const Config *config = services->config;
    autoptr(ContainerRecord) record = NULL;
    autodone(SnapshotMount) rootfs = {};
    Error ignored = {};
    TRY(container_find(services->containers, request->container, &record, err));
    bool has_rootfs = snapshot_mounts(services->snapshots, record->id, &rootfs, &ignored) == 0;
    autofree char *directory = container_path(services->containers, record->id, "");
    autofree char *mount_point = text_format("%s/bundles/%s/rootfs", config->state, record->id);
    ContainerSizes sizes = {};
    if (request->size)
        sizes = api_container_sizes(services, record);
    const DockerContainerInput input = {
        .record = record,
        .rootfs = has_rootfs ? &rootfs : NULL,
        .directory = directory,
        .mount_point = mount_point,
        .storage_driver = snapshot_driver_of(services->snapshots, record->id),
        .runtime = config_runtime_name(config, record->settings->runtime),
        .config = config,
        .cgroup_v2 = cgroups_are_v2(),
        .has_size = request->size,
        .size_rw = sizes.own,
        .size_root_fs = sizes.all,
    };
    autofree char *json = docker_container_inspect(&input);
    response->json = rpc_call_copy(call, json);
    return 0;
}
