// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "base/error.h"
#include "engine/config.h"
#include "engine/container/container.h"
#include "engine/image/image.h"
#include "engine/rpc/server.h"

/* The tare.v1 services: messages to domain calls and back, nothing else. What their handlers need
 * is filled in by engine.c while it starts; everything is borrowed. */
typedef struct TareServices {
    const Config *config;
    const char *id; /* the engine's, for ever */
    Snapshots *snapshots;
    Images *images;
    Volumes *volumes;
    Containers *containers;
    Events *events;
    int64_t started;
} TareServices;

int tare_services_add(RpcServer *server, TareServices *services, Error *err);
