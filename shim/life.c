// SPDX-License-Identifier: Apache-2.0
#include "shim/life.h"

#include "base/log.h"
#include "base/time.h"
#include "shim/exit.h"
#include "shim/notice.h"

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

/* The record first: whoever hears of the exit may find it. */
static void save_exit(const Container *container) {
    const Process *init = &container->init;
    Error err = {};
    const ExitRecord record = {.status = init->exit_status,
        .at = init->exited_at,
        .oom_killed = container->oom_killed,
        .oom = &container->oom.record};
    if (exit_record_save(container->exit_record, &record, &err) < 0)
        log_failure(LOG_LEVEL_ERROR, &err);
}

void life_stop(Container *container) {
    Process *init = &container->init;
    loop_disarm(&container->shim->loop, &container->restart_timer);
    save_exit(container);
    init->state = PROCESS_STOPPED;
    container_changed(container);
    stdio_end(init->stdio, init->exit_status);
    ttrpc_server_wake(container->shim->server, init);
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
    notice_exited(init);
    if (init->started_at && restart_decide(&container->restart, init->exit_status,
                                init->exited_at - init->started_at, &delay))
        rest(container, delay);
    else
        life_stop(container);
}
