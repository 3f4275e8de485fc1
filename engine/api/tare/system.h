// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/rpc/service.h"
#include "proto/tare/v1/system.methods.h"
#include "proto/tare/v1/system.pb-c.h"

/* tare.v1.System. */
SYSTEM_METHODS(RPC_PROTOTYPE)

extern const RpcService system_service;
