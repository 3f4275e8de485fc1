// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "proto/containerd/task/v3/task.pb-c.h"
#include "shim/container.h"
#include "shim/containerd/notice.h"
#include "shim/shim.h"
#include "shim/task.h"
#include "shim/work.h"

/* Task calls → events of processes. v2 and v3 differ in their name only. */
const char *const shim_service_names[] = {
    "containerd.task.v3.Task", "containerd.task.v2.Task", NULL};

/* One call about an existing process: where its request names the container and the exec. */
typedef struct Row {
    const char *method;
    TaskEvent event;
    bool waits;         /* perhaps: for the runtime, say */
    size_t id, exec_id; /* offsets; exec_id 0: about the container */
} Row;

#define ROW(name, event, waits, type)                                                              \
    { name, event, waits, offsetof(Containerd__Task__V3__##type, id), 0 }
#define EXEC_ROW(name, event, waits, type)                                                         \
    {                                                                                              \
        name, event, waits, offsetof(Containerd__Task__V3__##type, id),                            \
            offsetof(Containerd__Task__V3__##type, exec_id)                                        \
    }

static const Row rows[] = {
    ROW("Checkpoint", TASK_CHECKPOINT, true, CheckpointTaskRequest),
    EXEC_ROW("CloseIO", TASK_CLOSE_IO, true, CloseIORequest),
    EXEC_ROW("Delete", TASK_DELETE, true, DeleteRequest),
    ROW("Exec", TASK_EXEC, true, ExecProcessRequest),
    EXEC_ROW("Kill", TASK_KILL, true, KillRequest),
    ROW("Pause", TASK_PAUSE, true, PauseRequest),
    ROW("Pids", TASK_PIDS, false, PidsRequest),
    EXEC_ROW("ResizePty", TASK_RESIZE, true, ResizePtyRequest),
    ROW("Resume", TASK_RESUME, true, ResumeRequest),
    EXEC_ROW("Start", TASK_START, true, StartRequest),
    EXEC_ROW("State", TASK_STATE, false, StateRequest),
    ROW("Stats", TASK_STATS, false, StatsRequest),
    ROW("Update", TASK_UPDATE, true, UpdateTaskRequest),
    EXEC_ROW("Wait", TASK_WAIT, false, WaitRequest),
};

static const Row *find_row(const char *method) {
    for (size_t i = 0; i < array_size(rows); i++)
        if (strcmp(rows[i].method, method) == 0)
            return &rows[i];
    return NULL;
}

static const char *text_at(const ProtobufCMessage *message, size_t offset) {
    return *(char *const *)((const char *)message + offset);
}

static int find_process(
    Shim *shim, const Row *row, const ProtobufCMessage *request, Process **ret, Error *err) {
    const char *id = text_at(request, row->id);
    const char *exec_id = row->exec_id ? text_at(request, row->exec_id) : "";
    Container *container = container_find(shim, id);
    if (!container)
        return error_set(err, ERROR_NOT_FOUND, "no container '%.140s' here", id);
    *ret = *exec_id ? container_find_exec(container, exec_id) : &container->init;
    if (!*ret)
        return error_set(
            err, ERROR_NOT_FOUND, "no exec '%.140s' in container '%s'", exec_id, container->id);
    return 0;
}

static int handle_create(
    Shim *shim, const ProtobufCMessage *request, ProtobufCMessage *response, Error *err) {
    const Containerd__Task__V3__CreateTaskRequest *create =
        (const Containerd__Task__V3__CreateTaskRequest *)request;
    Container *container;
    shim_expect(shim, false);
    TRY(container_create(shim, create, &container, err));
    ((Containerd__Task__V3__CreateTaskResponse *)response)->pid = (uint32_t)container->init.pid;
    notice_created(container, create);
    return 0;
}

static int handle_connect(
    Shim *shim, TtrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response) {
    Containerd__Task__V3__ConnectResponse *connect =
        (Containerd__Task__V3__ConnectResponse *)response;
    const Container *container =
        container_find(shim, ((const Containerd__Task__V3__ConnectRequest *)request)->id);
    connect->shim_pid = (uint32_t)getpid();
    connect->task_pid = container ? (uint32_t)container->init.pid : 0;
    connect->version = ttrpc_call_text(call, "3");
    return 0;
}

/* The container for which the call may have to wait; NULL: none. Nothing can be said of one that is
 * being created. */
static const char *find_wait(
    const Shim *shim, const ProtobufCMethodDescriptor *method, const ProtobufCMessage *request) {
    const Row *row = find_row(method->name);
    if (strcmp(method->name, "Create") == 0)
        return ((const Containerd__Task__V3__CreateTaskRequest *)request)->id;
    if (!row)
        return NULL;
    const char *id = text_at(request, row->id);
    const Container *container = container_find(shim, id);
    return row->waits || (container && container->creating) ? id : NULL;
}

static int handle(Shim *shim, TtrpcCall *call, const ProtobufCMethodDescriptor *method,
    const ProtobufCMessage *request, ProtobufCMessage *response, Error *err) {
    Process *process;
    if (strcmp(method->name, "Create") == 0)
        return handle_create(shim, request, response, err);
    if (strcmp(method->name, "Connect") == 0)
        return handle_connect(shim, call, request, response);
    if (strcmp(method->name, "Shutdown") == 0) {
        if (!shim->expecting)
            shim_end(shim);
        return 0;
    }
    const Row *row = find_row(method->name);
    if (!row)
        return error_set(err, ERROR_UNSUPPORTED, "%s is not supported", method->name);
    TRY(find_process(shim, row, request, &process, err));
    TaskRequest task = {.call = call, .message = request, .response = response};
    return task_handle(process, row->event, &task, err);
}

int shim_handle(void *owner, TtrpcCall *call, const ProtobufCMethodDescriptor *method,
    const ProtobufCMessage *request, ProtobufCMessage *response, Error *err) {
    Shim *shim = owner;
    const char *id = shim->group ? find_wait(shim, method, request) : NULL;
    if (id && !ttrpc_call_is_deferred(call))
        return work_defer(shim, id, call, err);
    int r = handle(shim, call, method, request, response, err);
    if (r == ERROR_UNSUPPORTED) /* containerd would take it for a shim that has no such method, and
                                   call it again by the older name of the service */
        r = err->code = ERROR_UNKNOWN;
    return r;
}
