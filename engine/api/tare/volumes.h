// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/api/tare/services.h"
#include "engine/rpc/service.h"
#include "proto/tare/v1/volume.methods.h"
#include "proto/tare/v1/volume.pb-c.h"

/* tare.v1.Volumes. */
VOLUMES_METHODS(RPC_PROTOTYPE)

extern const RpcService volumes_service;

/* All of them with links and sizes, in the call's memory. */
int api_volumes_usage(RpcCall *call, Tare__V1__Volume ***ret, size_t *ret_n, Error *err);
