// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/api/containerd/message.h"
#include "engine/api/containerd/task.h"
#include "engine/api/containerd/task_checkpoint.h"
#include "engine/rpc/service.h"
#include "proto/containerd/services/tasks.methods.h"
#include "proto/containerd/services/tasks.pb-c.h"
#include "proto/containerd/task/v3/task.pb-c.h"

/* containerd.services.tasks.v1.Tasks: what clients say is passed on to the container's shim, whose
 * words are nearly the same. */
CONTAINERD_TASKS_METHODS(RPC_PROTOTYPE)
RPC_SERVICE(
    containerd_tasks_service, CONTAINERD_TASKS_METHODS, containerd__tasks__tasks__descriptor);

typedef Containerd__Task__V3__CreateTaskRequest ShimCreate;

static void fill_create(const Containerd__Tasks__CreateTaskRequest *from, ShimCreate *to) {
    to->id = from->container_id;
    to->rootfs = from->rootfs;
    to->n_rootfs = from->n_rootfs;
    to->terminal = from->terminal;
    to->stdin = from->stdin;
    to->stdout = from->stdout;
    to->stderr = from->stderr;
    to->options = from->options;
}

/* *ret_options: of the container, NULL when it has none. */
static int launch(RpcCall *call, const TaskCaller *task, const char *runtime_path,
    Google__Protobuf__Any **ret_options, Error *err) {
    autoptr(MetadataRecord) record = NULL;
    TRY(metadata_find(task->caller.services->metadata, METADATA_CONTAINER, task->caller.space,
        task->task.id, &record, err));
    const MetadataContainer *container = record->container;
    const MetadataAny *spec = container->spec;
    Google__Protobuf__Any *options = message_any(call, container->options);
    *ret_options = options;
    const ShimLaunch launch = {
        .task = task->task,
        .runtime = text_is_empty(runtime_path) ? container->runtime : runtime_path,
        .config = spec && spec->text ? spec->text : "{}",
        .options = options ? &options->base : NULL,
    };
    return shim_launch(task->shims, &launch, err);
}

int api_containerd_tasks_create(RpcCall *call, const Containerd__Tasks__CreateTaskRequest *request,
    Containerd__Tasks__CreateTaskResponse *response, Error *err) {
    TaskCaller task;
    ShimCreate create = CONTAINERD__TASK__V3__CREATE_TASK_REQUEST__INIT;
    Google__Protobuf__Any *options;
    TRY(task_caller(call, request->container_id, &task, err));
    TRY(launch(call, &task, request->runtime_path, &options, err));
    autofree char *bundle = shim_bundle(task.shims, &task.task);
    fill_create(request, &create);
    create.bundle = bundle;
    if (!create.options || create.options->value.len == 0)
        create.options = options; /* as containerd does */
    ProtobufCMessage *answer = NULL;
    int code = task_checkpoint_of(call, &task, request, &create.checkpoint, err);
    if (code == 0) {
        code = shim_call(task.shims, &task.task, "Create", &create.base, &answer, err);
        if (code < 0)
            error_prefix(err, "failed to create shim task");
    }
    if (code < 0) {
        shim_remove(task.shims, &task.task);
        return code;
    }
    response->container_id = request->container_id;
    response->pid = ((const Containerd__Task__V3__CreateTaskResponse *)(void *)answer)->pid;
    ttrpc_response_free(answer);
    return 0;
}

int api_containerd_tasks_start(RpcCall *call, const Containerd__Tasks__StartRequest *request,
    Containerd__Tasks__StartResponse *response, Error *err) {
    Containerd__Task__V3__StartRequest start = CONTAINERD__TASK__V3__START_REQUEST__INIT;
    ProtobufCMessage *answer = NULL;
    start.id = request->container_id;
    start.exec_id = request->exec_id;
    TRY(task_pass(call, request->container_id, "Start", &start.base, &answer, err));
    response->pid = ((const Containerd__Task__V3__StartResponse *)(void *)answer)->pid;
    ttrpc_response_free(answer);
    return 0;
}

static int delete (RpcCall *call, const char *id, const char *exec_id,
    Containerd__Tasks__DeleteResponse *response, Error *err) {
    Containerd__Task__V3__DeleteRequest request = CONTAINERD__TASK__V3__DELETE_REQUEST__INIT;
    ProtobufCMessage *message = NULL;
    request.id = (char *)(uintptr_t)id;
    request.exec_id = (char *)(uintptr_t)exec_id;
    TRY(task_pass(call, id, "Delete", &request.base, &message, err));
    const Containerd__Task__V3__DeleteResponse *answer = (const void *)message;
    response->id = message_text(call, *exec_id ? exec_id : id);
    response->pid = answer->pid;
    response->exit_status = answer->exit_status;
    response->exited_at = task_time(call, answer->exited_at);
    ttrpc_response_free(message);
    return 0;
}

int api_containerd_tasks_delete(RpcCall *call, const Containerd__Tasks__DeleteTaskRequest *request,
    Containerd__Tasks__DeleteResponse *response, Error *err) {
    TaskCaller task;
    TRY(task_caller(call, request->container_id, &task, err));
    TRY(delete (call, request->container_id, "", response, err));
    shim_remove(task.shims, &task.task);
    return 0;
}

int api_containerd_tasks_delete_process(RpcCall *call,
    const Containerd__Tasks__DeleteProcessRequest *request,
    Containerd__Tasks__DeleteResponse *response, Error *err) {
    if (text_is_empty(request->exec_id))
        return error_set(err, ERROR_INVALID, "exec id is missing: invalid argument");
    return delete (call, request->container_id, request->exec_id, response, err);
}

int api_containerd_tasks_get(RpcCall *call, const Containerd__Tasks__GetRequest *request,
    Containerd__Tasks__GetResponse *response, Error *err) {
    TaskCaller task;
    TRY(task_caller(call, request->container_id, &task, err));
    return task_state_of(call, &task, request->exec_id, &response->process, err);
}

/* Those that answer: a task that goes meanwhile is none. */
int api_containerd_tasks_list(RpcCall *call, const Containerd__Tasks__ListTasksRequest *request,
    Containerd__Tasks__ListTasksResponse *response, Error *err) {
    TaskCaller task;
    autodone(JsonTexts) ids = {};
    TRY(task_caller(call, "list", &task, err));
    shim_list(task.shims, task.caller.space, &ids);
    response->tasks = rpc_call_alloc(call, (ids.n + 1) * sizeof(*response->tasks));
    for (size_t i = 0; i < ids.n; i++) {
        Error gone;
        task.task.id = ids.item[i];
        if (task_state_of(call, &task, "", &response->tasks[response->n_tasks], &gone) == 0)
            response->n_tasks++;
    }
    return 0;
}

int api_containerd_tasks_kill(RpcCall *call, const Containerd__Tasks__KillRequest *request,
    Google__Protobuf__Empty *response, Error *err) {
    Containerd__Task__V3__KillRequest kill = CONTAINERD__TASK__V3__KILL_REQUEST__INIT;
    kill.id = request->container_id;
    kill.exec_id = request->exec_id;
    kill.signal = request->signal;
    kill.all = request->all;
    return task_pass(call, request->container_id, "Kill", &kill.base, NULL, err);
}

int api_containerd_tasks_exec(RpcCall *call, const Containerd__Tasks__ExecProcessRequest *request,
    Google__Protobuf__Empty *response, Error *err) {
    Containerd__Task__V3__ExecProcessRequest exec =
        CONTAINERD__TASK__V3__EXEC_PROCESS_REQUEST__INIT;
    if (text_is_empty(request->exec_id))
        return error_set(err, ERROR_INVALID, "exec id cannot be empty: invalid argument");
    exec.id = request->container_id;
    exec.exec_id = request->exec_id;
    exec.terminal = request->terminal;
    exec.stdin = request->stdin;
    exec.stdout = request->stdout;
    exec.stderr = request->stderr;
    exec.spec = request->spec;
    return task_pass(call, request->container_id, "Exec", &exec.base, NULL, err);
}

int api_containerd_tasks_resize_pty(RpcCall *call,
    const Containerd__Tasks__ResizePtyRequest *request, Google__Protobuf__Empty *response,
    Error *err) {
    Containerd__Task__V3__ResizePtyRequest resize = CONTAINERD__TASK__V3__RESIZE_PTY_REQUEST__INIT;
    resize.id = request->container_id;
    resize.exec_id = request->exec_id;
    resize.width = request->width;
    resize.height = request->height;
    return task_pass(call, request->container_id, "ResizePty", &resize.base, NULL, err);
}

int api_containerd_tasks_close_i_o(RpcCall *call, const Containerd__Tasks__CloseIORequest *request,
    Google__Protobuf__Empty *response, Error *err) {
    Containerd__Task__V3__CloseIORequest close = CONTAINERD__TASK__V3__CLOSE_IOREQUEST__INIT;
    close.id = request->container_id;
    close.exec_id = request->exec_id;
    close.stdin = request->stdin;
    return task_pass(call, request->container_id, "CloseIO", &close.base, NULL, err);
}

int api_containerd_tasks_pause(RpcCall *call, const Containerd__Tasks__PauseTaskRequest *request,
    Google__Protobuf__Empty *response, Error *err) {
    Containerd__Task__V3__PauseRequest pause = CONTAINERD__TASK__V3__PAUSE_REQUEST__INIT;
    pause.id = request->container_id;
    return task_pass(call, request->container_id, "Pause", &pause.base, NULL, err);
}

int api_containerd_tasks_resume(RpcCall *call, const Containerd__Tasks__ResumeTaskRequest *request,
    Google__Protobuf__Empty *response, Error *err) {
    Containerd__Task__V3__ResumeRequest resume = CONTAINERD__TASK__V3__RESUME_REQUEST__INIT;
    resume.id = request->container_id;
    return task_pass(call, request->container_id, "Resume", &resume.base, NULL, err);
}

int api_containerd_tasks_list_pids(RpcCall *call, const Containerd__Tasks__ListPidsRequest *request,
    Containerd__Tasks__ListPidsResponse *response, Error *err) {
    Containerd__Task__V3__PidsRequest pids = CONTAINERD__TASK__V3__PIDS_REQUEST__INIT;
    ProtobufCMessage *message = NULL;
    pids.id = request->container_id;
    TRY(task_pass(call, request->container_id, "Pids", &pids.base, &message, err));
    const Containerd__Task__V3__PidsResponse *answer = (const void *)message;
    response->processes =
        rpc_call_alloc(call, (answer->n_processes + 1) * sizeof(*response->processes));
    for (size_t i = 0; i < answer->n_processes; i++) {
        Containerd__V1__Types__ProcessInfo *info =
            message_new(call, &containerd__v1__types__process_info__descriptor);
        info->pid = answer->processes[i]->pid;
        info->info = task_any(call, answer->processes[i]->info);
        response->processes[response->n_processes++] = info;
    }
    ttrpc_response_free(message);
    return 0;
}

int api_containerd_tasks_update(RpcCall *call, const Containerd__Tasks__UpdateTaskRequest *request,
    Google__Protobuf__Empty *response, Error *err) {
    Containerd__Task__V3__UpdateTaskRequest update =
        CONTAINERD__TASK__V3__UPDATE_TASK_REQUEST__INIT;
    update.id = request->container_id;
    update.resources = request->resources;
    return task_pass(call, request->container_id, "Update", &update.base, NULL, err);
}

static Containerd__Types__Metric *metric_of(RpcCall *call, const TaskCaller *task) {
    Containerd__Task__V3__StatsRequest stats = CONTAINERD__TASK__V3__STATS_REQUEST__INIT;
    ProtobufCMessage *message = NULL;
    Error gone;
    stats.id = (char *)(uintptr_t)task->task.id;
    if (shim_call(task->shims, &task->task, "Stats", &stats.base, &message, &gone) < 0)
        return NULL;
    Containerd__Types__Metric *metric = message_new(call, &containerd__types__metric__descriptor);
    metric->timestamp = message_time(call, time_now());
    metric->id = message_text(call, task->task.id);
    metric->data =
        task_any(call, ((const Containerd__Task__V3__StatsResponse *)(void *)message)->stats);
    ttrpc_response_free(message);
    return metric;
}

static const char *metric_field(const void *object, char *const *path, size_t n) {
    const TaskCaller *task = object;
    if (n != 1)
        return NULL;
    return text_equal(path[0], "id")          ? task->task.id
           : text_equal(path[0], "namespace") ? task->task.space
                                              : NULL;
}

int api_containerd_tasks_metrics(RpcCall *call, const Containerd__Tasks__MetricsRequest *request,
    Containerd__Tasks__MetricsResponse *response, Error *err) {
    TaskCaller task;
    autodone(JsonTexts) ids = {};
    autoptr(Filter) filter = NULL;
    TRY(task_caller(call, "metrics", &task, err));
    TRY(filter_parse(request->filters, request->n_filters, &filter, err));
    shim_list(task.shims, task.caller.space, &ids);
    response->metrics = rpc_call_alloc(call, (ids.n + 1) * sizeof(*response->metrics));
    for (size_t i = 0; i < ids.n; i++) {
        task.task.id = ids.item[i];
        Containerd__Types__Metric *metric =
            filter_matches(filter, metric_field, &task) ? metric_of(call, &task) : NULL;
        if (metric)
            response->metrics[response->n_metrics++] = metric;
    }
    return 0;
}

/* On a thread of its own; ends when the task does or the client goes. */
static int await(RpcCall *call, TtrpcClient *client, ProtobufCMessage **ret, Error *err) {
    struct pollfd fds[] = {{.fd = ttrpc_client_fd(client), .events = POLLIN},
        {.fd = rpc_call_cancel_fd(call), .events = POLLIN}};
    for (;;) {
        int code = ttrpc_receive(client, 0, ret, err);
        if (code != ERROR_TIMEOUT)
            return code;
        if (poll(fds, array_size(fds), -1) < 0 && errno != EINTR)
            return error_set_errno(err, errno, "cannot wait for the task");
        if (rpc_call_cancelled(call))
            return error_set(err, ERROR_CANCELLED, "the client has gone");
    }
}

int api_containerd_tasks_wait(RpcCall *call, const Containerd__Tasks__WaitRequest *request,
    Containerd__Tasks__WaitResponse *response, Error *err) {
    Containerd__Task__V3__WaitRequest wait = CONTAINERD__TASK__V3__WAIT_REQUEST__INIT;
    TaskCaller task;
    autoptr(TtrpcClient) client = NULL;
    ProtobufCMessage *message = NULL;
    TRY(task_caller(call, request->container_id, &task, err));
    wait.id = request->container_id;
    wait.exec_id = request->exec_id;
    TRY(shim_call_begin(task.shims, &task.task, "Wait", &wait.base, &client, err));
    TRY(await(call, client, &message, err));
    const Containerd__Task__V3__WaitResponse *answer = (const void *)message;
    response->exit_status = answer->exit_status;
    response->exited_at = task_time(call, answer->exited_at);
    ttrpc_response_free(message);
    return 0;
}
