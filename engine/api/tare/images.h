// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/image.h"
#include "engine/rpc/service.h"
#include "proto/tare/v1/container.pb-c.h"
#include "proto/tare/v1/image.methods.h"
#include "proto/tare/v1/image.pb-c.h"

/* tare.v1.Images. */
IMAGES_METHODS(RPC_PROTOTYPE)

/* What List says of one; containers and shared_size are -1: not counted. In the call's arena. */
Tare__V1__ImageSummary *api_image_summary(RpcCall *call, const Image *image);

/* How many of these containers were made from the image. */
int64_t api_image_containers(
    const Tare__V1__ListContainersResponse *containers, const char *image_id);

extern const RpcService images_service;
