// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/api/containerd/message.h"
#include "engine/shim/shim.h"
#include "proto/containerd/v1/types/task.pb-c.h"

/* What the calls of the task service have in common. */
typedef struct TaskCaller {
    Caller caller;
    const Shims *shims;
    ShimTask task;
} TaskCaller;

int task_caller(RpcCall *call, const char *id, TaskCaller *ret, Error *err);

/* The call to the shim of container `id`; ret_answer may be NULL. */
int task_pass(RpcCall *call, const char *id, const char *method, const ProtobufCMessage *request,
    ProtobufCMessage **ret_answer, Error *err);

int task_state_of(RpcCall *call, const TaskCaller *task, const char *exec_id,
    Containerd__V1__Types__Process **ret, Error *err);

/* From a shim's answer to the call's memory. NULL stays NULL. */
Google__Protobuf__Timestamp *task_time(RpcCall *call, const Google__Protobuf__Timestamp *time);
Google__Protobuf__Any *task_any(RpcCall *call, const Google__Protobuf__Any *any);
