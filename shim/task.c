// SPDX-License-Identifier: Apache-2.0
#include "shim/task.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "proto/containerd/runc/v1/options.pb-c.h"
#include "proto/containerd/task/v3/task.pb-c.h"
#include "shim/checkpoint.h"
#include "shim/container.h"
#include "shim/containerd/notice.h"
#include "shim/life.h"
#include "shim/metrics/metrics.h"

typedef int (*TaskAction)(Process *process, const TaskRequest *request, Error *err);

static bool is_init(const Process *process) {
    return process == &process->container->init;
}

static Google__Protobuf__Timestamp *timestamp(TtrpcCall *call, int64_t at) {
    Google__Protobuf__Timestamp *time = ttrpc_call_memory(call, sizeof *time);
    google__protobuf__timestamp__init(time);
    time->seconds = at / TIME_SECOND;
    time->nanos = (int32_t)(at % TIME_SECOND);
    return time;
}

static int start_container(Process *process, const TaskRequest *request, Error *err) {
    Container *container = process->container;
    Containerd__Task__V3__StartResponse *response = request->response;
    TRY(life_begin(container, err));
    response->pid = (uint32_t)process->pid;
    return 0;
}

static int command_exit_status(const Error *err) {
    return strcmp(err->reason, "COMMAND_NOT_FOUND") == 0 ? 127 : 126;
}

/* Who waits for a process that could not start learns that it is over. */
static int fail_exec(Process *exec, const Error *err) {
    exec->state = PROCESS_STOPPED;
    exec->exit_status = command_exit_status(err);
    exec->exited_at = time_now();
    stdio_end(exec->stdio, exec->exit_status);
    ttrpc_server_wake(exec->container->shim->server, exec);
    return err->code;
}

static int start_exec(Process *exec, const TaskRequest *request, Error *err) {
    Containerd__Task__V3__StartResponse *response = request->response;
    ProcessState state = exec->container->init.state;
    if (state != PROCESS_RUNNING && state != PROCESS_CREATED)
        return error_set(err, ERROR_STATE, "cannot start an exec in a container that is %s",
            process_state_name(state));
    if (container_start_exec(exec, err) < 0)
        return fail_exec(exec, err);
    exec->state = PROCESS_RUNNING;
    notice_started(exec);
    response->pid = (uint32_t)exec->pid;
    return 0;
}

static int refuse_kill(Process *process, const TaskRequest *request, Error *err) {
    return error_set(err, ERROR_NOT_FOUND, "process already finished");
}

/* One that the runtime finds ended has ended, though its end has not been seen here yet: containerd
 * goes on only after this answer. */
static int kill_container(Process *process, const TaskRequest *request, Error *err) {
    const Containerd__Task__V3__KillRequest *message = request->message;
    Container *container = process->container;
    if (message->signal == SIGKILL)
        oom_close(&container->oom);
    int r =
        runtime_kill(&container->runtime, container->id, (int)message->signal, message->all, err);
    return r == ERROR_STATE ? refuse_kill(process, request, err) : r;
}

static int kill_exec(Process *exec, const TaskRequest *request, Error *err) {
    const Containerd__Task__V3__KillRequest *message = request->message;
    if (message->signal == SIGKILL)
        oom_close(&exec->container->oom);
    return runtime_kill_exec(
        &exec->container->runtime, exec->id, exec->pid, (int)message->signal, err);
}

static int pause_container(Process *process, const TaskRequest *request, Error *err) {
    TRY(runtime_command(&process->container->runtime, "pause", process->container->id, err));
    process->state = PROCESS_PAUSED;
    health_pause(process->container->health);
    notice_paused(process);
    return 0;
}

static int resume_container(Process *process, const TaskRequest *request, Error *err) {
    TRY(runtime_command(&process->container->runtime, "resume", process->container->id, err));
    process->state = PROCESS_RUNNING;
    health_resume(process->container->health);
    notice_resumed(process);
    return 0;
}

static int add_exec(Process *process, const TaskRequest *request, Error *err) {
    const Containerd__Task__V3__ExecProcessRequest *message = request->message;
    TRY(container_add_exec(process->container, message, err));
    notice_exec_added(process->container, message->exec_id);
    return 0;
}

static int resize(Process *process, const TaskRequest *request, Error *err) {
    const Containerd__Task__V3__ResizePtyRequest *message = request->message;
    if (message->height > UINT16_MAX || message->width > UINT16_MAX)
        return error_set(err, ERROR_INVALID, "terminal size %ux%u is out of range", message->width,
            message->height);
    stdio_resize(
        process->stdio, (TerminalSize){(uint16_t)message->height, (uint16_t)message->width});
    return 0;
}

static int close_io(Process *process, const TaskRequest *request, Error *err) {
    const Containerd__Task__V3__CloseIORequest *message = request->message;
    if (message->stdin)
        stdio_release_input(process->stdio);
    return 0;
}

static int update(Process *process, const TaskRequest *request, Error *err) {
    const Containerd__Task__V3__UpdateTaskRequest *message = request->message;
    Container *container = process->container;
    if (!message->resources)
        return error_set(err, ERROR_INVALID, "no resources to update");
    autofree char *path = path_join(container->bundle, "resources.json");
    const ProtobufCBinaryData *json = &message->resources->value;
    TRY(file_write(AT_FDCWD, path, json->data, json->len, 0600, false, err));
    int r = runtime_update(&container->runtime, container->id, path, err);
    Error ignored;
    file_remove(AT_FDCWD, path, &ignored);
    return r;
}

static int checkpoint(Process *process, const TaskRequest *request, Error *err) {
    return checkpoint_make(process->container, request->message, err);
}

static Google__Protobuf__Any *new_any(TtrpcCall *call, const char *type, size_t n) {
    Google__Protobuf__Any *any = ttrpc_call_memory(call, sizeof *any);
    google__protobuf__any__init(any);
    any->type_url = (char *)type;
    any->value.len = n;
    any->value.data = ttrpc_call_memory(call, n + 1);
    return any;
}

static int report_stats(Process *process, const TaskRequest *request, Error *err) {
    Containerd__Task__V3__StatsResponse *response = request->response;
    Metrics metrics = {};
    TRY(metrics_collect(process->pid, &metrics, err));
    response->stats = new_any(request->call, metrics.type, metrics.n);
    memcpy(response->stats->value.data, metrics.data, metrics.n);
    free(metrics.data);
    return 0;
}

/* containerd's collector passes over who is not found, and complains of all else at each look. */
static int refuse_stats(Process *process, const TaskRequest *request, Error *err) {
    return error_set(err, ERROR_NOT_FOUND, "nothing counts container '%s': it is %s",
        process->container->id, process_state_name(process->state));
}

static const Process *find_pid(const Container *container, pid_t pid) {
    for (const Process *exec = container->execs; exec; exec = exec->next)
        if (exec->pid == pid && exec->state != PROCESS_STOPPED)
            return exec;
    return NULL;
}

static Google__Protobuf__Any *describe_exec(TtrpcCall *call, const Process *exec) {
    Containerd__Runc__V1__ProcessDetails details = CONTAINERD__RUNC__V1__PROCESS_DETAILS__INIT;
    details.exec_id = exec->id;
    size_t n = containerd__runc__v1__process_details__get_packed_size(&details);
    Google__Protobuf__Any *any = new_any(call, details.base.descriptor->name, n);
    containerd__runc__v1__process_details__pack(&details, any->value.data);
    return any;
}

static int list_pids(Process *process, const TaskRequest *request, Error *err) {
    Containerd__Task__V3__PidsResponse *response = request->response;
    autofree pid_t *pids = NULL;
    size_t n = 0;
    TRY(cgroup_list_pids(&process->container->cgroup, &pids, &n, err));
    response->processes = ttrpc_call_memory(request->call, (n + 1) * sizeof *response->processes);
    for (size_t i = 0; i < n; i++) {
        const Process *exec = find_pid(process->container, pids[i]);
        Containerd__V1__Types__ProcessInfo *info = ttrpc_call_memory(request->call, sizeof *info);
        containerd__v1__types__process_info__init(info);
        info->pid = (uint32_t)pids[i];
        info->info = exec ? describe_exec(request->call, exec) : NULL;
        response->processes[response->n_processes++] = info;
    }
    return 0;
}

/* When it comes back, containerd (up to 2.2) deletes a task that has no process, unheard: its exit
 * status would be lost. The one that has ended is still the task's, as a zombie is its parent's. */
static int list_ended(Process *process, const TaskRequest *request, Error *err) {
    Containerd__Task__V3__PidsResponse *response = request->response;
    Containerd__V1__Types__ProcessInfo *info = ttrpc_call_memory(request->call, sizeof *info);
    containerd__v1__types__process_info__init(info);
    info->pid = (uint32_t)process->pid;
    response->processes = ttrpc_call_memory(request->call, sizeof *response->processes);
    response->processes[response->n_processes++] = info;
    return 0;
}

static int report_state(Process *process, const TaskRequest *request, Error *err) {
    static const Containerd__V1__Types__Status statuses[PROCESS_STATES] = {
        [PROCESS_CREATED] = CONTAINERD__V1__TYPES__STATUS__CREATED,
        [PROCESS_RUNNING] = CONTAINERD__V1__TYPES__STATUS__RUNNING,
        [PROCESS_PAUSED] = CONTAINERD__V1__TYPES__STATUS__PAUSED,
        [PROCESS_ENDING] = CONTAINERD__V1__TYPES__STATUS__RUNNING,
        [PROCESS_RESTARTING] = CONTAINERD__V1__TYPES__STATUS__RUNNING,
        [PROCESS_STOPPED] = CONTAINERD__V1__TYPES__STATUS__STOPPED,
    };
    Containerd__Task__V3__StateResponse *response = request->response;
    response->id = is_init(process) ? process->container->id : process->id;
    response->bundle = process->container->bundle;
    response->pid = (uint32_t)process->pid;
    response->status = statuses[process->state];
    response->stdin = process->paths[0];
    response->stdout = process->paths[1];
    response->stderr = process->paths[2];
    response->terminal = process->terminal;
    response->exec_id = process->id;
    if (process->state == PROCESS_STOPPED) {
        response->exit_status = (uint32_t)process->exit_status;
        response->exited_at = timestamp(request->call, process->exited_at);
    }
    return 0;
}

static int wait_later(Process *process, const TaskRequest *request, Error *err) {
    return ttrpc_call_park(request->call, process);
}

static int report_exit(Process *process, const TaskRequest *request, Error *err) {
    Containerd__Task__V3__WaitResponse *response = request->response;
    response->exit_status = (uint32_t)process->exit_status;
    response->exited_at = timestamp(request->call, process->exited_at);
    return 0;
}

static void answer_delete(const Process *process, const TaskRequest *request) {
    Containerd__Task__V3__DeleteResponse *response = request->response;
    response->pid = (uint32_t)process->pid;
    response->exit_status = (uint32_t)process->exit_status;
    response->exited_at = timestamp(request->call, process->exited_at);
}

static int delete_container(Process *process, const TaskRequest *request, Error *err) {
    TRY(container_end(process->container, err));
    answer_delete(process, request);
    notice_deleted(process);
    container_free(process->container);
    return 0;
}

/* The runtime kills the process that waits for its start; the rest happens when it has ended. */
static int delete_created(Process *process, const TaskRequest *request, Error *err) {
    if (process->container->checkpoint) /* there is none yet */
        return delete_container(process, request, err);
    TRY(runtime_delete(&process->container->runtime, process->container->id, err));
    return ttrpc_call_park(request->call, process);
}

static int delete_exec(Process *exec, const TaskRequest *request, Error *err) {
    answer_delete(exec, request);
    container_remove_exec(exec->container, exec);
    return 0;
}

static int begin_end(Process *process, const TaskRequest *request, Error *err) {
    process->exit_status = process_exit_code(request->status);
    process->exited_at = time_now();
    process->state = PROCESS_ENDING;
    life_drain(process);
    return 0;
}

static int stop(Process *process, const TaskRequest *request, Error *err) {
    life_stop(process->container);
    return 0;
}

static int announce_end(Process *process, const TaskRequest *request, Error *err) {
    if (is_init(process)) {
        life_end(process->container);
        return 0;
    }
    notice_exited(process);
    process->state = PROCESS_STOPPED;
    stdio_end(process->stdio, process->exit_status);
    ttrpc_server_wake(process->container->shim->server, process);
    return 0;
}

static int restart(Process *init, const TaskRequest *request, Error *err) {
    Error why = {};
    if (life_begin_anew(init->container, &why) >= 0)
        return 0;
    log_failure(LOG_LEVEL_ERROR, &why);
    init->exit_status = command_exit_status(&why);
    init->exited_at = time_now();
    life_stop(init->container); /* as in Docker: a life that cannot begin is the end */
    return 0;
}

static const TaskAction init_actions[PROCESS_STATES][TASK_EVENTS] = {
    [PROCESS_CREATED] =
        {
            [TASK_START] = start_container,
            [TASK_DELETE] = delete_created,
            [TASK_KILL] = kill_container,
            [TASK_EXEC] = add_exec,
            [TASK_RESIZE] = resize,
            [TASK_CLOSE_IO] = close_io,
            [TASK_UPDATE] = update,
            [TASK_PIDS] = list_pids,
            [TASK_STATS] = report_stats,
            [TASK_STATE] = report_state,
            [TASK_WAIT] = wait_later,
            [TASK_EXITED] = begin_end,
        },
    [PROCESS_RUNNING] =
        {
            [TASK_KILL] = kill_container,
            [TASK_EXEC] = add_exec,
            [TASK_PAUSE] = pause_container,
            [TASK_RESIZE] = resize,
            [TASK_CLOSE_IO] = close_io,
            [TASK_UPDATE] = update,
            [TASK_CHECKPOINT] = checkpoint,
            [TASK_PIDS] = list_pids,
            [TASK_STATS] = report_stats,
            [TASK_STATE] = report_state,
            [TASK_WAIT] = wait_later,
            [TASK_EXITED] = begin_end,
        },
    [PROCESS_PAUSED] =
        {
            [TASK_KILL] = kill_container,
            [TASK_EXEC] = add_exec,
            [TASK_RESUME] = resume_container,
            [TASK_RESIZE] = resize,
            [TASK_CLOSE_IO] = close_io,
            [TASK_UPDATE] = update,
            [TASK_CHECKPOINT] = checkpoint,
            [TASK_PIDS] = list_pids,
            [TASK_STATS] = report_stats,
            [TASK_STATE] = report_state,
            [TASK_WAIT] = wait_later,
            [TASK_EXITED] = begin_end,
        },
    [PROCESS_ENDING] =
        {
            [TASK_DELETE] = wait_later,
            [TASK_KILL] = refuse_kill,
            [TASK_RESIZE] = resize,
            [TASK_CLOSE_IO] = close_io,
            [TASK_PIDS] = list_ended,
            [TASK_STATS] = refuse_stats,
            [TASK_STATE] = report_state,
            [TASK_WAIT] = wait_later,
            [TASK_DRAINED] = announce_end,
        },
    [PROCESS_RESTARTING] =
        {
            [TASK_KILL] = stop,
            [TASK_RESIZE] = resize,
            [TASK_CLOSE_IO] = close_io,
            [TASK_STATS] = refuse_stats,
            [TASK_STATE] = report_state,
            [TASK_WAIT] = wait_later,
            [TASK_RESTART] = restart,
        },
    [PROCESS_STOPPED] =
        {
            [TASK_DELETE] = delete_container,
            [TASK_KILL] = refuse_kill,
            [TASK_RESIZE] = resize,
            [TASK_CLOSE_IO] = close_io,
            [TASK_PIDS] = list_ended,
            [TASK_STATS] = refuse_stats,
            [TASK_STATE] = report_state,
            [TASK_WAIT] = report_exit,
        },
};

static const TaskAction exec_actions[PROCESS_STATES][TASK_EVENTS] = {
    [PROCESS_CREATED] =
        {
            [TASK_START] = start_exec,
            [TASK_DELETE] = delete_exec,
            [TASK_RESIZE] = resize,
            [TASK_CLOSE_IO] = close_io,
            [TASK_STATE] = report_state,
            [TASK_WAIT] = wait_later,
        },
    [PROCESS_RUNNING] =
        {
            [TASK_KILL] = kill_exec,
            [TASK_RESIZE] = resize,
            [TASK_CLOSE_IO] = close_io,
            [TASK_STATE] = report_state,
            [TASK_WAIT] = wait_later,
            [TASK_EXITED] = begin_end,
        },
    [PROCESS_ENDING] =
        {
            [TASK_DELETE] = wait_later,
            [TASK_KILL] = refuse_kill,
            [TASK_RESIZE] = resize,
            [TASK_CLOSE_IO] = close_io,
            [TASK_STATE] = report_state,
            [TASK_WAIT] = wait_later,
            [TASK_DRAINED] = announce_end,
        },
    [PROCESS_STOPPED] =
        {
            [TASK_DELETE] = delete_exec,
            [TASK_KILL] = refuse_kill,
            [TASK_RESIZE] = resize,
            [TASK_CLOSE_IO] = close_io,
            [TASK_STATE] = report_state,
            [TASK_WAIT] = report_exit,
        },
};

static const char *const event_verbs[] = {
    [TASK_START] = "start",
    [TASK_DELETE] = "delete",
    [TASK_KILL] = "kill",
    [TASK_EXEC] = "exec in",
    [TASK_PAUSE] = "pause",
    [TASK_RESUME] = "resume",
    [TASK_RESIZE] = "resize",
    [TASK_CLOSE_IO] = "close the input of",
    [TASK_UPDATE] = "update",
    [TASK_CHECKPOINT] = "checkpoint",
    [TASK_PIDS] = "list the processes of",
    [TASK_STATS] = "measure",
    [TASK_STATE] = "look at",
    [TASK_WAIT] = "wait for",
    [TASK_EXITED] = "end",
    [TASK_DRAINED] = "end",
    [TASK_RESTART] = "restart",
};
_Static_assert(array_size(event_verbs) == TASK_EVENTS, "a verb for every event");

int task_handle(Process *process, TaskEvent event, const TaskRequest *request, Error *err) {
    bool init = is_init(process);
    TaskAction action = (init ? init_actions : exec_actions)[process->state][event];
    if (!action)
        return error_set(err, ERROR_STATE, "cannot %s %s '%s': it is %s", event_verbs[event],
            init ? "container" : "exec", init ? process->container->id : process->id,
            process_state_name(process->state));
    return action(process, request, err);
}
