// SPDX-License-Identifier: Apache-2.0
#include "engine/container/exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/container/bundle.h"
#include "engine/container/failure.h"
#include "engine/container/private.h"

enum {
    EXECS_MAX = 1024,
    EXEC_UNKNOWN = 255,
    EXEC_ID_LENGTH = 64,
};

void exec_settings_done(ExecSettings *settings) {
    json_texts_done(&settings->command);
    json_texts_done(&settings->environment);
    free(settings->user);
    free(settings->working_directory);
    *settings = (ExecSettings){};
}

static int check(const ExecSettings *settings, Error *err) {
    if (!settings->command.n || !*settings->command.item[0])
        return error_set(err, ERROR_INVALID, "no exec command specified");
    if (!text_is_empty(settings->working_directory) &&
        !path_is_absolute(settings->working_directory))
        return error_set(
            err, ERROR_INVALID, "Cwd must be an absolute path: %s", settings->working_directory);
    return 0;
}

/* Ended ones nobody can ask for any more make room; only as many as fit are kept. Under the mutex.
 */
static int add(Container *container, const char *id, Error *err) {
    size_t n = 0;
    for (Exec **item = &container->execs; *item;) {
        Exec *exec = *item;
        n++;
        if (n > EXECS_MAX / 2 && exec->exited && !exec->waiters) {
            *item = exec->next;
            free(exec);
            n--;
        } else {
            item = &exec->next;
        }
    }
    if (n >= EXECS_MAX)
        return error_set(err, ERROR_EXHAUSTED, "more than %d execs in one container", EXECS_MAX);
    Exec *exec = new (Exec);
    snprintf(exec->id, sizeof exec->id, "%s", id);
    exec->next = container->execs;
    container->execs = exec;
    return 0;
}

static Exec *find(Container *container, const char *id) { /* under the mutex */
    Exec *exec = container->execs;
    while (exec && !text_equal(exec->id, id))
        exec = exec->next;
    return exec;
}

static int find_running(Containers *containers, const char *reference, Container **ret,
    ContainerRecord **ret_record, Error *err) {
    TRY(table_find(containers, reference, ret, err));
    *ret_record = table_record(containers, *ret);
    if ((*ret_record)->state->status != CONTAINER_RUNNING)
        return error_set(err, ERROR_STATE, "container %s is not running", (*ret_record)->id);
    return 0;
}

int container_exec_create(Containers *containers, const char *reference,
    const ExecSettings *settings, char **ret_id, char **ret_socket, Error *err) {
    autoptr(Container) container = NULL;
    autoptr(ContainerRecord) record = NULL;
    autoptr(TtrpcClient) client = NULL;
    autofree char *process = NULL;
    char id[65];
    TRY(check(settings, err));
    TRY(find_running(containers, reference, &container, &record, err));
    autofree char *socket = path_shim_socket(containers, container->id);
    TRY(bundle_exec_process(containers, record, settings, &process, err));
    TRY(ttrpc_client_connect(socket, &client, err));
    text_random_hex(id, 32);
    const TaskExec exec = {container->id, id, settings->terminal, process};
    TRY(task_exec(client, &exec, err));
    pthread_mutex_lock(&containers->mutex);
    int r = add(container, id, err);
    pthread_mutex_unlock(&containers->mutex);
    if (r < 0) {
        Error ignored = {};
        task_delete(client, container->id, id, &ignored);
        return r;
    }
    *ret_id = text_copy(id);
    *ret_socket = path_attach_socket(containers, container->id);
    return 0;
}

static int ask_shim(
    Containers *containers, const Container *container, const char *id, TaskState *ret) {
    autofree char *socket = path_shim_socket(containers, container->id);
    autoptr(TtrpcClient) client = NULL;
    const TaskAsk ask = {container->id, id, 0};
    Error ignored;
    TRY(ttrpc_client_connect(socket, &client, &ignored));
    return task_state(client, &ask, ret, &ignored);
}

/* A shim keeps an exec until we have taken note of its end. */
int exec_adopt(Containers *containers, Container *container, const char *id, Error *err) {
    TaskState state;
    bool mine = false;
    if (strlen(id) != EXEC_ID_LENGTH || strspn(id, "0123456789abcdef") != EXEC_ID_LENGTH ||
        ask_shim(containers, container, id, &state) < 0)
        return error_set(err, ERROR_NOT_FOUND, "No such exec instance: %s", id);
    bool started = state.status != TASK_CREATED;
    pthread_mutex_lock(&containers->mutex);
    int r = 0;
    if (!find(container, id)) {
        r = add(container, id, err);
        mine = r == 0;
    }
    if (mine)
        find(container, id)->started = started;
    pthread_mutex_unlock(&containers->mutex);
    return mine && started ? exit_watch(containers, container, id, err) : r;
}

/* Once only; ERROR_STATE for a second time. */
static int claim(Containers *containers, Container *container, const char *id, Error *err) {
    pthread_mutex_lock(&containers->mutex);
    Exec *exec = find(container, id);
    bool started = exec && exec->started;
    if (exec)
        exec->started = true;
    pthread_mutex_unlock(&containers->mutex);
    if (!exec) {
        TRY(exec_adopt(containers, container, id, err));
        return claim(containers, container, id, err);
    }
    if (started)
        return error_set(err, ERROR_STATE, "exec %s has already been started", id);
    return 0;
}

static void end(Containers *containers, Container *container, const char *id, int exit_code) {
    pthread_mutex_lock(&containers->mutex);
    Exec *exec = find(container, id);
    pthread_mutex_unlock(&containers->mutex);
    if (exec)
        exec_waiters_wake(containers, container, exec, exit_code);
}

static void delete (Containers *containers, Container *container, const char *id) {
    autofree char *socket = path_shim_socket(containers, container->id);
    autoptr(TtrpcClient) client = NULL;
    Error err = {};
    if (ttrpc_client_connect(socket, &client, &err) < 0 ||
        task_delete(client, container->id, id, &err) < 0)
        log_debug("exec %.12s: %s", id, err.message);
}

int container_exec_start(
    Containers *containers, const char *reference, const char *exec_id, Error *err) {
    autoptr(Container) container = NULL;
    autoptr(ContainerRecord) record = NULL;
    autoptr(TtrpcClient) client = NULL;
    unsigned pid;
    TRY(find_running(containers, reference, &container, &record, err));
    autofree char *socket = path_shim_socket(containers, container->id);
    TRY(claim(containers, container, exec_id, err));
    int r = ttrpc_client_connect(socket, &client, err);
    if (r == 0)
        r = task_start(client, container->id, exec_id, &pid, err);
    if (r == 0)
        return exit_watch(containers, container, exec_id, err);
    error_prefix(err, "OCI runtime exec failed");
    command_failure_classify(err);
    end(containers, container, exec_id, command_failure_exit_code(err));
    delete (containers, container, exec_id);
    return err->code;
}

/* On a monitor's thread. */
void exec_ended(
    Containers *containers, Container *container, const char *exec_id, const TaskExit *exit) {
    end(containers, container, exec_id, exit->known ? exit->exit_code : EXEC_UNKNOWN);
    delete (containers, container, exec_id);
}
