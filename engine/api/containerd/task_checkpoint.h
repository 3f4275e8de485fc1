// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/api/containerd/task.h"
#include "proto/containerd/services/tasks.pb-c.h"

/* What a new task is restored from: the directory that its options name, or the content of its
 * checkpoint, unpacked for it; "" when it just begins. Of the call's memory. */
int task_checkpoint_of(RpcCall *call, const TaskCaller *task,
    const Containerd__Tasks__CreateTaskRequest *request, char **ret_path, Error *err);
