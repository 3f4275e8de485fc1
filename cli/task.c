// SPDX-License-Identifier: Apache-2.0
#include "cli/task.h"

static char *exec_id_of(TaskProcess process) {
    return (char *)(process.exec_id ? process.exec_id : "");
}

int task_container(Client *client, const char *id,
    Containerd__Containers__GetContainerResponse **ret, Error *err) {
    Containerd__Containers__GetContainerRequest request;
    containerd__containers__get_container_request__init(&request);
    request.id = (char *)id;
    return client_call(
        client, &containerd__containers__containers__descriptor, "Get", &request, ret, err);
}

int task_start(Client *client, TaskProcess process, Error *err) {
    Containerd__Tasks__StartRequest request;
    containerd__tasks__start_request__init(&request);
    request.container_id = (char *)process.id;
    request.exec_id = exec_id_of(process);
    return client_call(client, TASKS, "Start", &request, NULL, err);
}

int task_kill(Client *client, TaskProcess process, int signal, bool all, Error *err) {
    Containerd__Tasks__KillRequest request;
    containerd__tasks__kill_request__init(&request);
    request.container_id = (char *)process.id;
    request.exec_id = exec_id_of(process);
    request.signal = (uint32_t)signal;
    request.all = all;
    return client_call(client, TASKS, "Kill", &request, NULL, err);
}

int task_wait(Client *client, TaskProcess process, uint32_t *ret, Error *err) {
    Containerd__Tasks__WaitRequest request;
    containerd__tasks__wait_request__init(&request);
    autoreply Containerd__Tasks__WaitResponse *reply = NULL;
    request.container_id = (char *)process.id;
    request.exec_id = exec_id_of(process);
    TRY(client_call(client, TASKS, "Wait", &request, &reply, err));
    if (ret)
        *ret = reply->exit_status;
    return 0;
}

int task_delete(Client *client, TaskProcess process, Error *err) {
    Containerd__Tasks__DeleteTaskRequest task;
    Containerd__Tasks__DeleteProcessRequest request;
    containerd__tasks__delete_task_request__init(&task);
    containerd__tasks__delete_process_request__init(&request);
    task.container_id = request.container_id = (char *)process.id;
    request.exec_id = exec_id_of(process);
    if (!process.exec_id)
        return client_call(client, TASKS, "Delete", &task, NULL, err);
    return client_call(client, TASKS, "DeleteProcess", &request, NULL, err);
}
