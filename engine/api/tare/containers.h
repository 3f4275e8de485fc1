// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/rpc/service.h"
#include "proto/tare/v1/container.methods.h"
#include "proto/tare/v1/container.pb-c.h"

/* tare.v1.Containers. */
CONTAINERS_METHODS(RPC_PROTOTYPE)

extern const RpcService containers_service;
