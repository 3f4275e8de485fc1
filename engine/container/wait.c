// SPDX-License-Identifier: Apache-2.0
#include "engine/container/wait.h"

#include <string.h>

#include "base/text.h"
#include "engine/container/private.h"

/* Waiters are linked under the mutex and called without it: whoever unlinks one owns it. */

static void call_all(ContainerWaiter *waiters, int exit_code, const char *error) {
    while (waiters) {
        ContainerWaiter *next = waiters->next; /* its memory may go with the call */
        waiters->done(waiters, exit_code, error);
        waiters = next;
    }
}

/* Each event is all those before it, too. */
static bool holds(ContainerCondition condition, ContainerCondition happened) {
    static const int rank[] = {
        [CONTAINER_NEXT_EXIT] = 0, [CONTAINER_NOT_RUNNING] = 1, [CONTAINER_REMOVED] = 2};
    return rank[happened] >= rank[condition];
}

static ContainerWaiter *take_matching(ContainerWaiter **list, ContainerCondition happened) {
    ContainerWaiter *taken = NULL;
    while (*list) {
        ContainerWaiter *waiter = *list;
        if (holds(waiter->condition, happened)) {
            *list = waiter->next;
            waiter->linked = false;
            waiter->next = taken;
            taken = waiter;
        } else {
            list = &waiter->next;
        }
    }
    return taken;
}

void waiters_wake(
    Containers *containers, Container *container, ContainerCondition happened, int exit_code) {
    autoptr(ContainerRecord) record = table_record(containers, container);
    pthread_mutex_lock(&containers->mutex);
    ContainerWaiter *taken = take_matching(&container->waiters, happened);
    pthread_mutex_unlock(&containers->mutex);
    call_all(taken, exit_code, record->state->error);
}

void exec_waiters_wake(Containers *containers, Container *container, Exec *exec, int exit_code) {
    pthread_mutex_lock(&containers->mutex);
    exec->exited = true;
    exec->exit_code = exit_code;
    ContainerWaiter *taken = take_matching(&exec->waiters, CONTAINER_NEXT_EXIT);
    pthread_mutex_unlock(&containers->mutex);
    call_all(taken, exit_code, NULL);
}

static void link_waiter(ContainerWaiter **list, ContainerWaiter *waiter) {
    waiter->linked = true;
    waiter->next = *list;
    *list = waiter;
}

int container_wait(Containers *containers, const char *reference, ContainerCondition condition,
    ContainerWaiter *waiter, Error *err) {
    autoptr(Container) container = NULL;
    TRY(table_find(containers, reference, &container, err));
    autoptr(ContainerRecord) record = NULL;
    pthread_mutex_lock(&containers->mutex);
    record = container_record_ref(container->record);
    bool removed = !container->listed;
    bool exited = condition == CONTAINER_NOT_RUNNING && record->state->status != CONTAINER_RUNNING;
    waiter->condition = condition;
    bool now = exited || removed || waiter->cancelled;
    if (!now)
        link_waiter(&container->waiters, waiter);
    pthread_mutex_unlock(&containers->mutex);
    if (now)
        waiter->done(waiter, (int)record->state->exit_code.value, record->state->error);
    return 0;
}

static bool exec_wait(
    Containers *containers, Container *container, const char *exec_id, ContainerWaiter *waiter) {
    pthread_mutex_lock(&containers->mutex);
    Exec *exec = container->execs;
    while (exec && !text_equal(exec->id, exec_id))
        exec = exec->next;
    int exit_code = exec ? exec->exit_code : 0;
    bool now = exec && (exec->exited || waiter->cancelled);
    waiter->condition = CONTAINER_NEXT_EXIT;
    if (exec && !now)
        link_waiter(&exec->waiters, waiter);
    pthread_mutex_unlock(&containers->mutex);
    if (now)
        waiter->done(waiter, exit_code, NULL);
    return exec;
}

int container_exec_wait(Containers *containers, const char *reference, const char *exec_id,
    ContainerWaiter *waiter, Error *err) {
    autoptr(Container) container = NULL;
    TRY(table_find(containers, reference, &container, err));
    if (exec_wait(containers, container, exec_id, waiter))
        return 0;
    TRY(exec_adopt(containers, container, exec_id, err));
    if (exec_wait(containers, container, exec_id, waiter))
        return 0;
    return error_set(err, ERROR_NOT_FOUND, "No such exec instance: %s", exec_id);
}

static bool unlink_from(ContainerWaiter **list, ContainerWaiter *waiter) {
    for (; *list; list = &(*list)->next) {
        if (*list == waiter) {
            *list = waiter->next;
            return true;
        }
    }
    return false;
}

static bool unlink_anywhere(Containers *containers, ContainerWaiter *waiter) {
    for (size_t i = 0; i < containers->n; i++) {
        Container *container = containers->container[i];
        if (unlink_from(&container->waiters, waiter))
            return true;
        for (Exec *exec = container->execs; exec; exec = exec->next) {
            if (unlink_from(&exec->waiters, waiter))
                return true;
        }
    }
    return false;
}

bool container_wait_cancel(Containers *containers, ContainerWaiter *waiter) {
    pthread_mutex_lock(&containers->mutex);
    waiter->cancelled = true;
    bool linked = waiter->linked && unlink_anywhere(containers, waiter);
    waiter->linked = false;
    pthread_mutex_unlock(&containers->mutex);
    return linked;
}
