// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/api/tare/services.h"
#include "engine/rpc/service.h"
#include "proto/tare/v1/container.methods.h"
#include "proto/tare/v1/container.pb-c.h"

/* tare.v1.Containers. */
CONTAINERS_METHODS(RPC_PROTOTYPE)

/* Bytes that a container has written, counted now, and these with its image's layers. */
typedef struct ContainerSizes {
    uint64_t own, all;
} ContainerSizes;
ContainerSizes api_container_sizes(const TareServices *services, const ContainerRecord *record);

extern const RpcService containers_service;
