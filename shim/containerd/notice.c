// SPDX-License-Identifier: Apache-2.0
#include "shim/containerd/notice.h"

#include "base/time.h"
#include "proto/containerd/events/task.pb-c.h"

static bool is_init(const Process *process) {
    return process == &process->container->init;
}

static Google__Protobuf__Timestamp timestamp(int64_t at) {
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    time.seconds = at / TIME_SECOND;
    time.nanos = (int32_t)(at % TIME_SECOND);
    return time;
}

static void send(const Container *container, const char *topic, const ProtobufCMessage *event) {
    publisher_send(container->shim->publisher, topic, event);
}

void notice_created(
    const Container *container, const Containerd__Task__V3__CreateTaskRequest *request) {
    Containerd__Events__TaskCreate event = CONTAINERD__EVENTS__TASK_CREATE__INIT;
    Containerd__Events__TaskIO io = CONTAINERD__EVENTS__TASK_IO__INIT;
    io.stdin = request->stdin;
    io.stdout = request->stdout;
    io.stderr = request->stderr;
    io.terminal = request->terminal;
    event.container_id = container->id;
    event.bundle = container->bundle;
    event.n_rootfs = request->n_rootfs;
    event.rootfs = request->rootfs;
    event.io = &io;
    event.pid = (uint32_t)container->init.pid;
    send(container, "/tasks/create", &event.base);
}

void notice_started(const Process *process) {
    if (is_init(process)) {
        Containerd__Events__TaskStart event = CONTAINERD__EVENTS__TASK_START__INIT;
        event.container_id = process->container->id;
        event.pid = (uint32_t)process->pid;
        send(process->container, "/tasks/start", &event.base);
        return;
    }
    Containerd__Events__TaskExecStarted event = CONTAINERD__EVENTS__TASK_EXEC_STARTED__INIT;
    event.container_id = process->container->id;
    event.exec_id = process->id;
    event.pid = (uint32_t)process->pid;
    send(process->container, "/tasks/exec-started", &event.base);
}

void notice_exec_added(const Container *container, const char *exec_id) {
    Containerd__Events__TaskExecAdded event = CONTAINERD__EVENTS__TASK_EXEC_ADDED__INIT;
    event.container_id = container->id;
    event.exec_id = (char *)exec_id;
    send(container, "/tasks/exec-added", &event.base);
}

void notice_paused(const Process *init) {
    Containerd__Events__TaskPaused event = CONTAINERD__EVENTS__TASK_PAUSED__INIT;
    event.container_id = init->container->id;
    send(init->container, "/tasks/paused", &event.base);
}

void notice_resumed(const Process *init) {
    Containerd__Events__TaskResumed event = CONTAINERD__EVENTS__TASK_RESUMED__INIT;
    event.container_id = init->container->id;
    send(init->container, "/tasks/resumed", &event.base);
}

void notice_oom(const Container *container) {
    Containerd__Events__TaskOOM event = CONTAINERD__EVENTS__TASK_OOM__INIT;
    event.container_id = container->id;
    send(container, "/tasks/oom", &event.base);
}

void notice_exited(const Process *process) {
    Containerd__Events__TaskExit event = CONTAINERD__EVENTS__TASK_EXIT__INIT;
    Google__Protobuf__Timestamp at = timestamp(process->exited_at);
    event.container_id = process->container->id;
    event.id = is_init(process) ? process->container->id : process->id;
    event.pid = (uint32_t)process->pid;
    event.exit_status = (uint32_t)process->exit_status;
    event.exited_at = &at;
    send(process->container, "/tasks/exit", &event.base);
}

void notice_deleted(const Process *init) {
    Containerd__Events__TaskDelete event = CONTAINERD__EVENTS__TASK_DELETE__INIT;
    Google__Protobuf__Timestamp at = timestamp(init->exited_at);
    event.container_id = init->container->id;
    event.pid = (uint32_t)init->pid;
    event.exit_status = (uint32_t)init->exit_status;
    event.exited_at = &at;
    send(init->container, "/tasks/delete", &event.base);
}

void notice_checkpointed(const Container *container, const char *path) {
    Containerd__Events__TaskCheckpointed event = CONTAINERD__EVENTS__TASK_CHECKPOINTED__INIT;
    event.container_id = container->id;
    event.checkpoint = (char *)path;
    send(container, "/tasks/checkpointed", &event.base);
}
