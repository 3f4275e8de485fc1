// SPDX-License-Identifier: Apache-2.0
#include "engine/api/tare/containers.h"
#include "engine/api/tare/services.h"

int api_containers_inspect(RpcCall *call, const Tare__V1__ContainerRequest *request,
    Tare__V1__InspectResponse *response, Error *err) {
    return error_set(err, ERROR_UNSUPPORTED, "not yet");
}
