// SPDX-License-Identifier: Apache-2.0
#include "engine/container/restart.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/container/health.h"

bool restart_is_set(const ContainerSettings *settings) {
    return !text_is_empty(settings->restart) && !text_equal(settings->restart, "no");
}

bool restart_is_watched(const ContainerRecord *record) {
    OciHealthcheck ignored;
    return restart_is_set(record->settings) || record->settings->memory.value > 0 ||
           health_of(record, &ignored);
}

int restart_check(const ContainerSettings *settings, Error *err) {
    static const char *const names[] = {"", "no", "on-failure", "always", "unless-stopped"};
    const char *name = settings->restart ? settings->restart : "";
    bool known = false;
    for (size_t i = 0; i < array_size(names); i++)
        known |= text_equal(name, names[i]);
    if (!known)
        return error_set(err, ERROR_INVALID,
            "invalid restart policy: unknown policy '%.100s'; use one of 'no', 'always', "
            "'on-failure', or 'unless-stopped'",
            name);
    if (settings->restart_retries.value > INT32_MAX)
        return error_set(
            err, ERROR_INVALID, "invalid restart policy: maximum retry count is too large");
    if (settings->restart_retries.value > 0 && !text_equal(name, "on-failure"))
        return error_set(err, ERROR_INVALID,
            "invalid restart policy: maximum retry count can only be used with 'on-failure'");
    if (settings->auto_remove.value && restart_is_set(settings))
        return error_set(
            err, ERROR_INVALID, "can't create 'AutoRemove' container with restart policy");
    return 0;
}

int restart_watch(Containers *containers, Container *container, uint64_t seen, Error *err) {
    autofree char *socket = path_shim_socket(containers, container->id);
    MonitorWatch watch = {
        .subject = container_ref(container), .generation = container->generation, .changes = true};
    int r = task_watch_begin(socket, container->id, seen, &watch.client, err);
    if (r == 0)
        r = monitor_watch(containers->monitor, &watch, err);
    if (r < 0)
        container_unref(container);
    return r;
}

static void record_change(Containers *containers, Container *container, const TaskChange *change) {
    autoptr(ContainerRecord) before = table_record(containers, container);
    ContainerRecord *changed = container_record_copy(before);
    ContainerState *state = changed->state;
    bool died = change->exited && change->exited != before->state->finished.value;
    state->pid = (JsonInt){true, change->pid};
    state->restarting = (JsonBool){true, change->restarting};
    state->restart_count = (JsonUint){true, change->restart_count};
    state->started = (JsonInt){true, change->started};
    state->finished = (JsonInt){true, change->exited};
    state->oom_killed = (JsonBool){true, change->oom_killed};
    container_oom_free(state->oom);
    state->oom = container_oom_copy(change->oom);
    state->exit_code = (JsonInt){true, change->restarting ? change->exit_code : 0};
    container_health_free(state->health);
    state->health = health_encode(change);
    const char *was = before->state->health ? before->state->health->status : NULL;
    bool health_changed = change->health_status && !text_equal(was, change->health_status) &&
                          !text_equal(change->health_status, "starting");
    table_learn(containers, container, changed);
    autoptr(ContainerRecord) after = table_record(containers, container);
    container_event_oom(containers, before, after);
    if (died) {
        container_event(containers, after, "die");
        waiters_wake(containers, container, CONTAINER_NEXT_EXIT, change->exit_code);
    }
    if (health_changed) {
        autofree char *action = text_format("health_status: %s", change->health_status);
        container_event(containers, after, action);
    }
    if (!change->restarting && change->restart_count > before->state->restart_count.value)
        container_event(containers, after, "start");
}

/* The end of the last life is told by Wait, not here. */
void restart_heard(Containers *containers, const MonitorWatch *watch, const TaskChange *change) {
    Container *container = watch->subject;
    Error err = {};
    pthread_mutex_lock(&container->operation);
    autoptr(ContainerRecord) record = table_record(containers, container);
    bool current = change->known && watch->generation == container->generation &&
                   record->state->status == CONTAINER_RUNNING &&
                   (change->pid || change->restarting);
    if (current) {
        record_change(containers, container, change);
        if (restart_watch(containers, container, change->revision, &err) < 0)
            log_debug("container %.12s: %s", container->id, err.message);
    }
    pthread_mutex_unlock(&container->operation);
}

int restart_tell_shim(
    Containers *containers, const char *id, const char *policy, unsigned retries, Error *err) {
    autofree char *socket = path_shim_socket(containers, id);
    autoptr(TtrpcClient) client = NULL;
    TRY(ttrpc_client_connect(socket, &client, err));
    return task_set_restart(client, id, policy, retries, err);
}

/* The record first: whatever happens next, the user has said that it shall stop. */
void restart_give_up(Containers *containers, Container *container) {
    Error err = {};
    pthread_mutex_lock(&container->operation);
    autoptr(ContainerRecord) record = table_record(containers, container);
    if (restart_is_set(record->settings) && record->state->status == CONTAINER_RUNNING) {
        ContainerRecord *changed = container_record_copy(record);
        changed->state->stopped = (JsonBool){true, true};
        table_learn(containers, container, changed);
        if (restart_tell_shim(containers, container->id, "no", 0, &err) < 0)
            log_warning("container %.12s: %s", container->id, err.message);
    }
    pthread_mutex_unlock(&container->operation);
}
