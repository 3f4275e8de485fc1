// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/api/containerd/message.h"
#include "engine/snapshot/snapshot.h"
#include "proto/containerd/types/mount.pb-c.h"

/* containerd.types.Mount. */
Containerd__Types__Mount **mount_encode(RpcCall *call, const SnapshotMount *mount, size_t *ret_n);

/* Borrows. ERROR_UNSUPPORTED: not exactly one. */
int mount_decode(Containerd__Types__Mount *const *mounts, size_t n, SnapshotMount *ret, Error *err);
