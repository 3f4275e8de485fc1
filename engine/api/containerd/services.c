// SPDX-License-Identifier: Apache-2.0
#include "engine/api/containerd/services.h"

#include "base/memory.h"

int containerd_services_add(RpcServer *server, ContainerdServices *services, Error *err) {
    static const RpcService *const all[] = {
        &containerd_containers_service,
        &containerd_content_service,
        &containerd_diff_service,
        &containerd_events_service,
        &containerd_images_service,
        &containerd_introspection_service,
        &containerd_leases_service,
        &containerd_namespaces_service,
        &containerd_snapshots_service,
        &containerd_streaming_service,
        &containerd_tasks_service,
        &containerd_transfer_service,
        &containerd_version_service,
    };
    for (size_t i = 0; i < array_size(all); i++)
        TRY(rpc_server_add(server, all[i], services, err));
    return 0;
}
