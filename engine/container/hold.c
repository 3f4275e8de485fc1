// SPDX-License-Identifier: Apache-2.0
#include "engine/container/hold.h"

#include "base/log.h"
#include "engine/container/private.h"

static int ask(
    Containers *containers, const char *id, TtrpcClient **ret, TaskStatus *ret_status, Error *err) {
    autofree char *socket = path_shim_socket(containers, id);
    autoptr(TtrpcClient) client = NULL;
    const TaskAsk init = {.id = id, .exec_id = ""};
    TaskState state;
    TRY(ttrpc_client_connect(socket, &client, err));
    TRY(task_state(client, &init, &state, err));
    *ret = take_ptr(&client);
    *ret_status = state.status;
    return 0;
}

/* Nothing of it runs any more, or somebody else was faster: either way it writes nothing. */
static bool is_still(int code) {
    return code == ERROR_NOT_FOUND || code == ERROR_UNAVAILABLE || code == ERROR_STATE;
}

static ContainerRecord *with_mark(const ContainerRecord *record, bool held) {
    ContainerRecord *changed = container_record_copy(record);
    changed->state->held = (JsonBool){held, held};
    return changed;
}

static int freeze(Containers *containers, Container *container, bool *ret_held, Error *err) {
    autoptr(ContainerRecord) record = table_record(containers, container);
    autoptr(TtrpcClient) client = NULL;
    TaskStatus status;
    int code = ask(containers, container->id, &client, &status, err);
    if (is_still(code) || (code == 0 && status != TASK_RUNNING))
        return 0;
    TRY(code);
    TRY(table_update(containers, container, with_mark(record, true), err));
    code = task_freeze(client, container->id, true, err);
    if (code == 0) {
        container_event(containers, record, "pause");
        *ret_held = true;
        return 0;
    }
    /* it may be frozen all the same if there was no answer */
    if (!is_still(code))
        hold_recover(containers, container);
    else
        table_learn(containers, container, with_mark(record, false));
    return is_still(code) ? 0 : error_prefix(err, "cannot pause container %.12s", container->id);
}

int hold_begin(Containers *containers, Container *container, Hold *ret, Error *err) {
    int code = 0;
    pthread_mutex_lock(&container->operation);
    autoptr(ContainerRecord) record = table_record(containers, container);
    *ret = (Hold){.generation = container->generation};
    if (record->state->status == CONTAINER_RUNNING) {
        ret->held = container->holds > 0;
        if (!ret->held)
            code = freeze(containers, container, &ret->held, err);
        container->holds += ret->held;
    }
    pthread_mutex_unlock(&container->operation);
    return code;
}

void hold_end(Containers *containers, Container *container, const Hold *hold) {
    pthread_mutex_lock(&container->operation);
    if (hold->held && hold->generation == container->generation && --container->holds == 0)
        hold_recover(containers, container);
    pthread_mutex_unlock(&container->operation);
}

/* What ends loses its mark with the rest of its state. */
void hold_recover(Containers *containers, Container *container) {
    autoptr(ContainerRecord) record = table_record(containers, container);
    autoptr(TtrpcClient) client = NULL;
    TaskStatus status;
    Error err = {};
    if (!record->state->held.value)
        return;
    int code = ask(containers, container->id, &client, &status, &err);
    if (code == 0 && status == TASK_PAUSED) {
        code = task_freeze(client, container->id, false, &err);
        if (code == 0)
            container_event(containers, record, "unpause");
    }
    if (code < 0 && !is_still(code)) {
        log_warning("container %.12s: cannot be resumed: %s", container->id, err.message);
        return;
    }
    table_learn(containers, container, with_mark(record, false));
}
