// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/api/containerd/message.h"
#include "proto/containerd/services/containers.pb-c.h"

/* A container as message and as record. */
int container_check(const Containerd__Containers__Container *container, Error *err);
void container_encode(
    RpcCall *call, const MetadataRecord *record, Containerd__Containers__Container *ret);
void container_take_all(MetadataContainer *to, const Containerd__Containers__Container *from);

/* What a path of a field mask names; false: nothing that can be changed. */
bool container_take(
    MetadataContainer *to, const Containerd__Containers__Container *from, const char *path);
