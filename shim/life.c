// SPDX-License-Identifier: Apache-2.0
#include "shim/life.h"

#include <signal.h>

#include "base/log.h"
#include "base/time.h"
#include "shim/containerd/notice.h"
#include "shim/exit.h"
#include "shim/task.h"
#include "shim/work.h"

int life_begin(Container *container, Error *err) {
    TRY(container->checkpoint ? container_restore(container, err)
                              : runtime_command(&container->runtime, "start", container->id, err));
    container->init.state = PROCESS_RUNNING;
    container->init.started_at = time_now();
    notice_started(&container->init);
    health_begin(container->health);
    container_changed(container);
    return 0;
}

int life_begin_anew(Container *container, Error *err) {
    container->restart.count++;
    TRY(container_recreate(container, err));
    return life_begin(container, err);
}

static void begin_restart(Container *container) {
    Error ignored;
    task_handle(&container->init, TASK_RESTART, &(TaskRequest){}, &ignored);
}

void life_restart(void *owner, uint32_t events) {
    work_on(owner, begin_restart);
}

static void finish(Container *container) {
    Error ignored;
    task_handle(&container->init, TASK_DRAINED, &(TaskRequest){}, &ignored);
}

static void on_drained(void *owner, uint32_t events) {
    Process *process = owner;
    Error ignored;
    if (process == &process->container->init)
        work_on(process->container, finish);
    else
        task_handle(process, TASK_DRAINED, &(TaskRequest){}, &ignored);
}

static void end_others(Container *container) {
    Error ignored;
    runtime_kill(&container->runtime, container->id, SIGKILL, true, &ignored);
    stdio_drain(container->init.stdio, on_drained, &container->init);
}

void life_drain(Process *process) {
    Container *container = process->container;
    bool init = process == &container->init;
    if (init)
        health_end(container->health);
    if (init && !container->private_pids) /* the kernel leaves the others alone */
        work_on(container, end_others);
    else
        stdio_drain(process->stdio, on_drained, process);
}

/* The record first: whoever hears of the exit may find it. */
static void save_exit(const Container *container) {
    Loop *loop = &container->shim->loop;
    const Process *init = &container->init;
    Error err = {};
    const ExitRecord record = {.status = init->exit_status,
        .at = init->exited_at,
        .oom_killed = container->oom_killed,
        .oom = &container->oom.record};
    loop_leave(loop);
    int r = exit_record_save(container->exit_record, &record, &err);
    loop_enter(loop);
    if (r < 0)
        log_failure(LOG_LEVEL_ERROR, &err);
}

static void conclude(Container *container) {
    Process *init = &container->init;
    init->state = PROCESS_STOPPED;
    container_changed(container);
    stdio_end(init->stdio, init->exit_status);
    ttrpc_server_wake(container->shim->server, init);
}

void life_stop(Container *container) {
    loop_disarm(&container->shim->loop, &container->restart_timer);
    save_exit(container);
    conclude(container);
}

static void rest(Container *container, int64_t delay) {
    Process *init = &container->init;
    init->state = PROCESS_RESTARTING;
    stdio_end(init->stdio, init->exit_status);
    container_forget_life(container);
    loop_arm(&container->shim->loop, &container->restart_timer, delay);
    container_changed(container);
}

void life_end(Container *container) {
    const Process *init = &container->init;
    int64_t delay;
    oom_look(&container->oom);
    for (int stream = 0; container->log && stream < LOG_STREAMS; stream++)
        log_sink_flush(container->log, (LogStream)stream);
    bool again = init->started_at && restart_decide(&container->restart, init->exit_status,
                                         init->exited_at - init->started_at, &delay);
    if (!again)
        save_exit(container);
    notice_exited(init);
    if (again)
        rest(container, delay);
    else
        conclude(container);
}
