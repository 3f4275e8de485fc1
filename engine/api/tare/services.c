// SPDX-License-Identifier: Apache-2.0
#include "engine/api/tare/services.h"

#include "engine/api/tare/containers.h"
#include "engine/api/tare/images.h"
#include "engine/api/tare/system.h"
#include "engine/api/tare/volumes.h"

int tare_services_add(RpcServer *server, TareServices *services, Error *err) {
    TRY(rpc_server_add(server, &containers_service, services, err));
    TRY(rpc_server_add(server, &images_service, services, err));
    TRY(rpc_server_add(server, &volumes_service, services, err));
    return rpc_server_add(server, &system_service, services, err);
}
