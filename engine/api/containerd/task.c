// SPDX-License-Identifier: Apache-2.0
#include "engine/api/containerd/task.h"

#include <string.h>

#include "engine/metadata/check.h"
#include "proto/containerd/task/v3/task.pb-c.h"

int task_caller(RpcCall *call, const char *id, TaskCaller *ret, Error *err) {
    *ret = (TaskCaller){};
    TRY(caller_of(call, &ret->caller, err));
    TRY(check_identifier(id, err));
    ret->shims = &ret->caller.services->shims;
    ret->task = (ShimTask){ret->caller.space, id};
    return 0;
}

int task_pass(RpcCall *call, const char *id, const char *method, const ProtobufCMessage *request,
    ProtobufCMessage **ret_answer, Error *err) {
    TaskCaller task;
    TRY(task_caller(call, id, &task, err));
    return shim_call(task.shims, &task.task, method, request, ret_answer, err);
}

Google__Protobuf__Timestamp *task_time(RpcCall *call, const Google__Protobuf__Timestamp *time) {
    if (!time)
        return NULL;
    Google__Protobuf__Timestamp *copy = message_new(call, &google__protobuf__timestamp__descriptor);
    copy->seconds = time->seconds;
    copy->nanos = time->nanos;
    return copy;
}

Google__Protobuf__Any *task_any(RpcCall *call, const Google__Protobuf__Any *any) {
    if (!any)
        return NULL;
    Google__Protobuf__Any *copy = message_new(call, &google__protobuf__any__descriptor);
    copy->type_url = message_text(call, any->type_url);
    copy->value.len = any->value.len;
    copy->value.data = rpc_call_alloc(call, any->value.len + 1);
    if (any->value.len > 0)
        memcpy(copy->value.data, any->value.data, any->value.len);
    return copy;
}

int task_state_of(RpcCall *call, const TaskCaller *task, const char *exec_id,
    Containerd__V1__Types__Process **ret, Error *err) {
    Containerd__Task__V3__StateRequest request = CONTAINERD__TASK__V3__STATE_REQUEST__INIT;
    ProtobufCMessage *message = NULL;
    request.id = (char *)(uintptr_t)task->task.id;
    request.exec_id = (char *)(uintptr_t)exec_id;
    TRY(shim_call(task->shims, &task->task, "State", &request.base, &message, err));
    const Containerd__Task__V3__StateResponse *state = (const void *)message;
    Containerd__V1__Types__Process *process =
        message_new(call, &containerd__v1__types__process__descriptor);
    process->container_id = message_text(call, task->task.id);
    process->id = message_text(call, *exec_id ? exec_id : task->task.id);
    process->pid = state->pid;
    process->status = state->status;
    process->stdin = message_text(call, state->stdin);
    process->stdout = message_text(call, state->stdout);
    process->stderr = message_text(call, state->stderr);
    process->terminal = state->terminal;
    process->exit_status = state->exit_status;
    process->exited_at = task_time(call, state->exited_at);
    *ret = process;
    ttrpc_response_free(message);
    return 0;
}
