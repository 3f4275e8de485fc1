// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/container/private.h"
#include "engine/container/restart.h"
#include "engine/container/spec/spec.h"

/* Signals take no operation lock: the handler of the exit needs it. */

#define GRACE (10 * TIME_SECOND)
#define KILL_PATIENCE (10 * TIME_SECOND)

static int send(Containers *containers, const char *id, int signal, Error *err) {
    autofree char *socket = path_shim_socket(containers, id);
    autoptr(TtrpcClient) client = NULL;
    TRY(ttrpc_client_connect(socket, &client, err));
    return task_kill(client, id, "", signal, err);
}

/* A program that has just ended is not there to be signalled: its exit is under way. */
static int send_if_there(Containers *containers, Container *container, int signal, Error *err) {
    int r = send(containers, container->id, signal, err);
    return r == ERROR_NOT_FOUND || r == ERROR_UNAVAILABLE || r == ERROR_STATE ? 0 : r;
}

/* The container ends with its shim, which is frozen, or waits for a disk that never answers: its
 * `delete` does the rest. */
static int kill_shim(Containers *containers, const Container *container, Error *err) {
    autofree char *socket = path_shim_socket(containers, container->id);
    log_warning("container %.12s: its shim does not answer, and is killed with it", container->id);
    return task_shim_kill(socket, err);
}

static int kill_and_wait(Containers *containers, Container *container, Error *err) {
    int r = send_if_there(containers, container, SIGKILL, err);
    if (r == ERROR_TIMEOUT)
        r = kill_shim(containers, container, err);
    TRY(r);
    r = table_wait_stopped(containers, container, KILL_PATIENCE, err);
    if (r == ERROR_TIMEOUT)
        return error_set(
            err, ERROR_TIMEOUT, "tried to kill container, but did not receive an exit event");
    return r;
}

int container_kill(Containers *containers, const char *reference, const char *signal, Error *err) {
    autoptr(Container) container = NULL;
    autoptr(ContainerRecord) record = NULL;
    int number = SIGKILL;
    if (!text_is_empty(signal))
        TRY(signal_parse(signal, &number, err));
    TRY(table_find(containers, reference, &container, err));
    record = table_record(containers, container);
    if (record->state->status != CONTAINER_RUNNING)
        return error_set(err, ERROR_STATE, "cannot kill container: %s: container %s is not running",
            reference, record->id);
    int stop_signal = SIGTERM;
    TRY(signal_parse(spec_stop_signal(record), &stop_signal, err));
    if (number == SIGKILL || number == stop_signal) /* as Docker: meant to end it */
        restart_give_up(containers, container);
    if (number == SIGKILL)
        return kill_and_wait(containers, container, err);
    int r = send(containers, container->id, number, err);
    return r < 0 ? error_prefix(err, "cannot kill container: %s", reference) : 0;
}

static int64_t own_grace(const ContainerRecord *record) {
    const JsonInt *timeout = &record->settings->stop_timeout;
    if (!timeout->set)
        return GRACE;
    return timeout->value < 0 ? -1 : timeout->value * TIME_SECOND;
}

int container_stop(
    Containers *containers, const char *reference, const ContainerStop *stop, Error *err) {
    autoptr(Container) container = NULL;
    autoptr(ContainerRecord) record = NULL;
    int signal;
    TRY(table_find(containers, reference, &container, err));
    record = table_record(containers, container);
    if (record->state->status != CONTAINER_RUNNING)
        return 0;
    TRY(signal_parse(
        text_is_empty(stop->signal) ? spec_stop_signal(record) : stop->signal, &signal, err));
    restart_give_up(containers, container);
    int64_t grace = stop->has_timeout ? stop->timeout : own_grace(record);
    int r = send_if_there(containers, container, signal, err);
    if (r == 0)
        r = table_wait_stopped(containers, container, grace, err);
    if (r == ERROR_TIMEOUT)
        r = kill_and_wait(containers, container, err);
    if (r == 0)
        container_event(containers, record, "stop");
    return r;
}
