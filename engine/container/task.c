// SPDX-License-Identifier: Apache-2.0
#include "engine/container/task.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "proto/containerd/task/v3/task.pb-c.h"
#include "proto/tare/shim/v1/options.pb-c.h"
#include "proto/tare/shim/v1/shim.pb-c.h"

#define OPTIONS_TYPE "tare.shim.v1.Options"
#define PROCESS_TYPE "types.containerd.io/opencontainers/runtime-spec/1/Process"
#define RESOURCES_TYPE "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"

/* A frozen shim costs one timed-out answer. Create and Start run the OCI runtime, hooks included.
 */
enum {
    OUTPUT_LIMIT = 64 * 1024
};
#define QUICK (10 * TIME_SECOND)
#define SLOW (120 * TIME_SECOND)

static int call(TtrpcClient *client, const char *method, const ProtobufCMessage *request,
    int64_t timeout, ProtobufCMessage **ret, Error *err) {
    return ttrpc_call(
        client, &containerd__task__v3__task__descriptor, method, request, timeout, ret, err);
}

static int shim_run(const TaskShim *shim, const char *action, Error *err) {
    const char *const argv[] = {shim->program, "-namespace", "tare", "-id", shim->id, "-address",
        shim->address, "-socket", shim->socket, action, NULL};
    ProcessSpawn spawn = PROCESS_SPAWN_INIT;
    spawn.argv = argv;
    spawn.directory = shim->bundle;
    spawn.fds[0] = shim->lock;
    autodone(Text) output = {};
    int status = 0;
    TRY(process_run(&spawn, OUTPUT_LIMIT, SLOW, &output, &status, err));
    int code = process_exit_code(status);
    if (code == 0)
        return 0;
    if (output.length)
        output.data[strcspn(output.data, "\n")] = '\0';
    return error_set(err, ERROR_INTERNAL, "%s %s: %s (exit status %d)", shim->program, action,
        output.length ? output.data : "failed", code);
}

int task_shim_start(const TaskShim *shim, Error *err) {
    return shim_run(shim, "start", err);
}

/* Whoever has the pid when the second connection is made had it when the descriptor was opened. */
int task_shim_kill(const char *socket, Error *err) {
    autoclose int first = -1, second = -1, process = -1;
    TRY(fd_connect(socket, &first, err));
    pid_t pid = fd_peer_pid(first);
    process = pidfd_open(pid, 0);
    if (process < 0)
        return error_set_errno(err, errno, "cannot open the shim's process %d", (int)pid);
    TRY(fd_connect(socket, &second, err));
    if (fd_peer_pid(second) != pid)
        return error_set(err, ERROR_UNAVAILABLE, "the shim at '%s' has just changed", socket);
    if (pidfd_send_signal(process, SIGKILL, NULL, 0) < 0)
        return error_set_errno(err, errno, "cannot kill the shim, process %d", (int)pid);
    return 0;
}

int task_shim_clean_up(const TaskShim *shim, Error *err) {
    return shim_run(shim, "delete", err);
}

static char *text_or_empty(const char *text) {
    return (char *)(uintptr_t)(text ? text : "");
}

static void fill_health(const TaskHealth *from, Tare__Shim__V1__HealthProbe *to) {
    to->process = text_or_empty(from->process);
    to->url = text_or_empty(from->url);
    to->interval = from->interval;
    to->timeout = from->timeout;
    to->start_period = from->start_period;
    to->start_interval = from->start_interval;
    to->retries = from->retries;
    to->on_failure = text_or_empty(from->on_failure);
    to->stop_signal = (uint32_t)from->stop_signal;
}

static Tare__Shim__V1__LogPair **pairs_of(const JsonMap *map, size_t *ret_n) {
    Tare__Shim__V1__LogPair **pairs = new_array(Tare__Shim__V1__LogPair *, map->n + 1);
    for (size_t i = 0; i < map->n; i++) {
        pairs[i] = new (Tare__Shim__V1__LogPair);
        tare__shim__v1__log_pair__init(pairs[i]);
        pairs[i]->name = map->key[i];
        pairs[i]->value = map->value[i];
    }
    *ret_n = map->n;
    return pairs;
}

static void free_pairs(Tare__Shim__V1__LogPair **pairs, size_t n) {
    for (size_t i = 0; i < n; i++)
        free(pairs[i]);
    free(pairs);
}

static void fill_log(const LogConfig *from, Tare__Shim__V1__Log *to) {
    tare__shim__v1__log__init(to);
    to->driver = text_or_empty(from->settings->log_driver);
    to->options = pairs_of(&from->options, &to->n_options);
    to->attributes = pairs_of(&from->attributes, &to->n_attributes);
    to->tag = text_or_empty(from->tag);
    to->container_name = text_or_empty(from->container_name);
    to->image_name = text_or_empty(from->settings->image);
}

static Google__Protobuf__Any pack_options(const TaskCreate *create, Text *buffer) {
    Tare__Shim__V1__Options options = TARE__SHIM__V1__OPTIONS__INIT;
    const TaskRuntime *runtime = create->runtime;
    options.runtime = text_or_empty(runtime->path);
    options.runtime_arguments = runtime->arguments.item;
    options.n_runtime_arguments = runtime->arguments.n;
    options.delegate = text_or_empty(runtime->delegate);
    options.delegate_options_type = text_or_empty(runtime->options_type);
    options.delegate_options.data = (uint8_t *)runtime->options.data;
    options.delegate_options.len = runtime->options.length;
    options.runtime_root = text_or_empty(create->runtime_root);
    options.log_path = text_or_empty(create->log->path);
    Tare__Shim__V1__Log log;
    fill_log(create->log, &log);
    options.log = &log;
    options.attach_socket = text_or_empty(create->attach_socket);
    options.exit_record = text_or_empty(create->exit_record);
    options.open_stdin = create->open_stdin;
    options.stdin_once = create->stdin_once;
    options.terminal_rows = create->terminal_rows;
    options.terminal_columns = create->terminal_columns;
    Tare__Shim__V1__RestartPolicy restart = TARE__SHIM__V1__RESTART_POLICY__INIT;
    restart.name = text_or_empty(create->restart);
    restart.maximum_retries = create->restart_retries;
    options.restart = &restart;
    Tare__Shim__V1__HealthProbe health = TARE__SHIM__V1__HEALTH_PROBE__INIT;
    if (create->health) {
        fill_health(create->health, &health);
        options.health = &health;
    }
    size_t n = tare__shim__v1__options__get_packed_size(&options);
    text_reserve(buffer, n + 1);
    tare__shim__v1__options__pack(&options, (uint8_t *)buffer->data);
    free_pairs(log.options, log.n_options);
    free_pairs(log.attributes, log.n_attributes);
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    any.type_url = text_or_empty(OPTIONS_TYPE);
    any.value = (ProtobufCBinaryData){n, (uint8_t *)buffer->data};
    return any;
}

int task_create(TtrpcClient *client, const TaskCreate *create, unsigned *ret_pid, Error *err) {
    Containerd__Types__Mount mount = CONTAINERD__TYPES__MOUNT__INIT, *mounts = &mount;
    mount.type = create->rootfs->type;
    mount.source = create->rootfs->source;
    mount.options = create->rootfs->options.item;
    mount.n_options = create->rootfs->options.n;
    autodone(Text) buffer = {};
    Google__Protobuf__Any options = pack_options(create, &buffer);
    Containerd__Task__V3__CreateTaskRequest request =
        CONTAINERD__TASK__V3__CREATE_TASK_REQUEST__INIT;
    request.id = text_or_empty(create->id);
    request.bundle = text_or_empty(create->bundle);
    request.rootfs = &mounts;
    request.n_rootfs = 1;
    request.terminal = create->terminal;
    request.options = &options;
    ProtobufCMessage *response = NULL;
    TRY(call(client, "Create", &request.base, SLOW, &response, err));
    *ret_pid = ((Containerd__Task__V3__CreateTaskResponse *)response)->pid;
    ttrpc_response_free(response);
    return 0;
}

int task_start(
    TtrpcClient *client, const char *id, const char *exec_id, unsigned *ret_pid, Error *err) {
    Containerd__Task__V3__StartRequest request = CONTAINERD__TASK__V3__START_REQUEST__INIT;
    request.id = text_or_empty(id);
    request.exec_id = text_or_empty(exec_id);
    ProtobufCMessage *response = NULL;
    TRY(call(client, "Start", &request.base, SLOW, &response, err));
    *ret_pid = ((Containerd__Task__V3__StartResponse *)response)->pid;
    ttrpc_response_free(response);
    return 0;
}

static TaskStatus status_of(Containerd__V1__Types__Status status) {
    switch (status) {
    case CONTAINERD__V1__TYPES__STATUS__CREATED:
        return TASK_CREATED;
    case CONTAINERD__V1__TYPES__STATUS__RUNNING:
        return TASK_RUNNING;
    case CONTAINERD__V1__TYPES__STATUS__STOPPED:
        return TASK_STOPPED;
    case CONTAINERD__V1__TYPES__STATUS__PAUSED:
    case CONTAINERD__V1__TYPES__STATUS__PAUSING:
        return TASK_PAUSED;
    case CONTAINERD__V1__TYPES__STATUS__UNKNOWN:
    case _CONTAINERD__V1__TYPES__STATUS_IS_INT_SIZE:
        return TASK_UNKNOWN;
    }
    return TASK_UNKNOWN;
}

int task_state(TtrpcClient *client, const TaskAsk *ask, TaskState *ret, Error *err) {
    Containerd__Task__V3__StateRequest request = CONTAINERD__TASK__V3__STATE_REQUEST__INIT;
    request.id = text_or_empty(ask->id);
    request.exec_id = text_or_empty(ask->exec_id);
    ProtobufCMessage *message = NULL;
    TRY(call(
        client, "State", &request.base, ask->timeout > 0 ? ask->timeout : QUICK, &message, err));
    const Containerd__Task__V3__StateResponse *response = (void *)message;
    *ret = (TaskState){status_of(response->status), response->pid};
    ttrpc_response_free(message);
    return 0;
}

int task_kill(TtrpcClient *client, const char *id, const char *exec_id, int signal, Error *err) {
    Containerd__Task__V3__KillRequest request = CONTAINERD__TASK__V3__KILL_REQUEST__INIT;
    request.id = text_or_empty(id);
    request.exec_id = text_or_empty(exec_id);
    request.signal = (uint32_t)signal;
    return call(client, "Kill", &request.base, QUICK, NULL, err);
}

int task_freeze(TtrpcClient *client, const char *id, bool freeze, Error *err) {
    Containerd__Task__V3__PauseRequest pause = CONTAINERD__TASK__V3__PAUSE_REQUEST__INIT;
    Containerd__Task__V3__ResumeRequest resume = CONTAINERD__TASK__V3__RESUME_REQUEST__INIT;
    pause.id = resume.id = text_or_empty(id);
    return freeze ? call(client, "Pause", &pause.base, SLOW, NULL, err)
                  : call(client, "Resume", &resume.base, SLOW, NULL, err);
}

int task_exec(TtrpcClient *client, const TaskExec *exec, Error *err) {
    Google__Protobuf__Any spec = GOOGLE__PROTOBUF__ANY__INIT;
    spec.type_url = text_or_empty(PROCESS_TYPE);
    spec.value = (ProtobufCBinaryData){strlen(exec->process), (uint8_t *)(uintptr_t)exec->process};
    Containerd__Task__V3__ExecProcessRequest request =
        CONTAINERD__TASK__V3__EXEC_PROCESS_REQUEST__INIT;
    request.id = text_or_empty(exec->id);
    request.exec_id = text_or_empty(exec->exec_id);
    request.terminal = exec->terminal;
    request.spec = &spec;
    return call(client, "Exec", &request.base, QUICK, NULL, err);
}

int task_delete(TtrpcClient *client, const char *id, const char *exec_id, Error *err) {
    Containerd__Task__V3__DeleteRequest request = CONTAINERD__TASK__V3__DELETE_REQUEST__INIT;
    request.id = text_or_empty(id);
    request.exec_id = text_or_empty(exec_id);
    return call(client, "Delete", &request.base, SLOW, NULL, err);
}

int task_shutdown(TtrpcClient *client, const char *id, Error *err) {
    Containerd__Task__V3__ShutdownRequest request = CONTAINERD__TASK__V3__SHUTDOWN_REQUEST__INIT;
    request.id = text_or_empty(id);
    return call(client, "Shutdown", &request.base, QUICK, NULL, err);
}

int task_wait_begin(
    const char *socket, const char *id, const char *exec_id, TtrpcClient **ret, Error *err) {
    Containerd__Task__V3__WaitRequest request = CONTAINERD__TASK__V3__WAIT_REQUEST__INIT;
    request.id = text_or_empty(id);
    request.exec_id = text_or_empty(exec_id);
    autoptr(TtrpcClient) client = NULL;
    TRY(ttrpc_client_connect(socket, &client, err));
    TRY(ttrpc_send(client, &containerd__task__v3__task__descriptor, "Wait", &request.base, err));
    *ret = take_ptr(&client);
    return 0;
}

int task_wait_end(TtrpcClient *client, TaskExit *ret, Error *err) {
    ProtobufCMessage *message = NULL;
    int r = ttrpc_receive(client, 0, &message, err);
    if (r == ERROR_TIMEOUT)
        return r;
    *ret = (TaskExit){};
    if (r < 0)
        return 0; /* whatever was said, the task cannot be waited for any more */
    const Containerd__Task__V3__WaitResponse *response = (void *)message;
    ret->known = true;
    ret->exit_code = (int)response->exit_status;
    if (response->exited_at)
        ret->exited = response->exited_at->seconds * TIME_SECOND + response->exited_at->nanos;
    ttrpc_response_free(message);
    return 0;
}

int task_watch_begin(
    const char *socket, const char *id, uint64_t seen, TtrpcClient **ret, Error *err) {
    Tare__Shim__V1__WatchRequest request = TARE__SHIM__V1__WATCH_REQUEST__INIT;
    request.id = text_or_empty(id);
    request.seen = seen;
    autoptr(TtrpcClient) client = NULL;
    TRY(ttrpc_client_connect(socket, &client, err));
    TRY(ttrpc_send(client, &tare__shim__v1__shim__descriptor, "Watch", &request.base, err));
    *ret = take_ptr(&client);
    return 0;
}

static void take_health(const Tare__Shim__V1__Health *from, TaskChange *to) {
    to->health_status = text_copy(from->status);
    to->failing_streak = from->failing_streak;
    for (size_t i = 0; i < from->n_results && i < array_size(to->results); i++) {
        const Tare__Shim__V1__HealthResult *result = from->results[i];
        to->results[i].started = result->started_at;
        to->results[i].ended = result->ended_at;
        to->results[i].exit_code = result->exit_code;
        to->results[i].output = text_copy_n((const char *)result->output.data, result->output.len);
        to->results_n = i + 1;
    }
}

static ContainerOom *take_oom(const Tare__Shim__V1__Oom *from) {
    const ContainerOom oom = {.kills = {true, from->kills},
        .peak = {from->peak > 0, from->peak},
        .limit = {from->limit > 0, from->limit},
        .pid = {from->pid > 0, from->pid},
        .exec = text_is_empty(from->exec_id) ? NULL : from->exec_id,
        .usage = {from->usage > 0, from->usage}};
    return container_oom_copy(&oom);
}

int task_watch_end(TtrpcClient *client, TaskChange *ret, Error *err) {
    ProtobufCMessage *message = NULL;
    int r = ttrpc_receive(client, 0, &message, err);
    if (r == ERROR_TIMEOUT)
        return r;
    *ret = (TaskChange){};
    if (r < 0)
        return 0;
    const Tare__Shim__V1__WatchResponse *response = (void *)message;
    *ret = (TaskChange){.known = true,
        .revision = response->revision,
        .pid = response->pid,
        .restarting = response->restarting,
        .oom_killed = response->oom_killed,
        .restart_count = response->restart_count,
        .started = response->started_at,
        .exited = response->exited_at,
        .exit_code = (int)response->exit_status};
    if (response->oom)
        ret->oom = take_oom(response->oom);
    if (response->health)
        take_health(response->health, ret);
    ttrpc_response_free(message);
    return 0;
}

void task_change_done(TaskChange *change) {
    container_oom_free(change->oom);
    free(change->health_status);
    for (size_t i = 0; i < change->results_n; i++)
        free(change->results[i].output);
    *change = (TaskChange){};
}

int task_set_restart(
    TtrpcClient *client, const char *id, const char *policy, unsigned retries, Error *err) {
    Tare__Shim__V1__RestartPolicy restart = TARE__SHIM__V1__RESTART_POLICY__INIT;
    Tare__Shim__V1__SetRestartRequest request = TARE__SHIM__V1__SET_RESTART_REQUEST__INIT;
    restart.name = text_or_empty(policy);
    restart.maximum_retries = retries;
    request.id = text_or_empty(id);
    request.policy = &restart;
    return ttrpc_call(
        client, &tare__shim__v1__shim__descriptor, "SetRestart", &request.base, QUICK, NULL, err);
}

int task_update(TtrpcClient *client, const char *id, const char *resources, Error *err) {
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    any.type_url = text_or_empty(RESOURCES_TYPE);
    any.value = (ProtobufCBinaryData){strlen(resources), (uint8_t *)(uintptr_t)resources};
    Containerd__Task__V3__UpdateTaskRequest request =
        CONTAINERD__TASK__V3__UPDATE_TASK_REQUEST__INIT;
    request.id = text_or_empty(id);
    request.resources = &any;
    return call(client, "Update", &request.base, SLOW, NULL, err);
}
