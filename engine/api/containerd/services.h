// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "engine/config.h"
#include "engine/content/content.h"
#include "engine/event/event.h"
#include "engine/image/image.h"
#include "engine/metadata/tree.h"
#include "engine/rpc/server.h"
#include "engine/shim/shim.h"

/* containerd's services v1: messages to domain calls and back, nothing else. What their handlers
 * need is filled in by engine.c while it starts; everything is borrowed. */
typedef struct ContainerdServices {
    const Config *config;
    const char *id; /* the engine's, for ever */
    Metadata *metadata;
    Trees trees;
    Content *content;
    Images *images;
    Shims shims;
    Events *events; /* action: the message's type; type: topic; id: namespace */
} ContainerdServices;

int containerd_services_add(RpcServer *server, ContainerdServices *services, Error *err);

extern const RpcService containerd_containers_service, containerd_content_service,
    containerd_diff_service, containerd_events_service, containerd_images_service,
    containerd_introspection_service, containerd_leases_service, containerd_namespaces_service,
    containerd_snapshots_service, containerd_streaming_service, containerd_tasks_service,
    containerd_transfer_service, containerd_version_service;
