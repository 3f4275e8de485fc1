// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "proto/containerd/task/v3/task.pb-c.h"
#include "shim/container.h"

/* Checkpoints by the OCI runtime, as containerd asks for them: the directory is its own, and what
 * to dump comes as containerd.runc.v1.CheckpointOptions, or as nothing. */
int checkpoint_make(
    Container *container, const Containerd__Task__V3__CheckpointTaskRequest *request, Error *err);
