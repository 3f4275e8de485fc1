// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/rpc/service.h"
#include "proto/tare/v1/image.methods.h"
#include "proto/tare/v1/image.pb-c.h"

/* tare.v1.Images. */
IMAGES_METHODS(RPC_PROTOTYPE)

extern const RpcService images_service;
