// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/container/bundle.h"
#include "engine/container/private.h"
#include "engine/container/restart.h"

/* Truth about an end: the shim's exit record, then the shim's answer; without either the container
 * died together with its shim or its machine, which is exit code 255. */

enum {
    RECORD_LIMIT = 4096,
    EXIT_UNKNOWN = 255
};

typedef struct ExitFile {
    JsonUint status;
    char *exited_at;
    JsonBool oom_killed;
} ExitFile;

#define T ExitFile
static const JsonField exit_fields[] = {
    {"exitStatus", JSON_UINT, JSON_AT(status), .flags = JSON_REQUIRED},
    {"exitedAt", JSON_TEXT, JSON_AT(exited_at)},
    {"oomKilled", JSON_BOOL, JSON_AT(oom_killed)},
    {},
};
static const JsonType exit_type = {sizeof(T), exit_fields};
#undef T

static bool file_read_exit(Containers *containers, const char *id, TaskExit *ret) {
    autofree char *path = container_path(containers, id, "exit.json");
    autodone(Text) text = {};
    ExitFile file;
    Error err = {};
    if (file_read(AT_FDCWD, path, RECORD_LIMIT, &text, &err) < 0)
        return false;
    if (json_decode(&exit_type, text.data, text.length, &file, &err) < 0) {
        log_warning("%s: %s", path, err.message);
        return false;
    }
    *ret = (TaskExit){
        .known = true, .exit_code = (int)file.status.value, .oom_killed = file.oom_killed.value};
    if (!file.exited_at || time_parse(file.exited_at, &ret->exited, &err) < 0)
        ret->exited = time_now();
    json_done(&exit_type, &file);
    return true;
}

/* False: the shim has to be ended from outside. */
static bool end_task(TtrpcClient *client, const Container *container) {
    Error err = {};
    int r = task_delete(client, container->id, "", &err);
    bool deleted = r == 0 || r == ERROR_NOT_FOUND;
    return task_shutdown(client, container->id, &err) == 0 && deleted;
}

/* Through the shim if it lives, else by its delete command. What is not there is fine. */
void exit_clean_up(Containers *containers, Container *container) {
    autofree char *socket = path_shim_socket(containers, container->id);
    autofree char *attach = path_attach_socket(containers, container->id);
    autofree char *bundle = path_bundle(containers, container->id);
    autoptr(TtrpcClient) client = NULL;
    Error err = {};
    if (!file_exists(AT_FDCWD, bundle) && !file_exists(AT_FDCWD, socket))
        return;
    bool ended = ttrpc_client_connect(socket, &client, &err) == 0 && end_task(client, container);
    if (!ended) {
        const TaskShim shim = shim_of(containers, container, bundle, socket);
        if (file_make_dirs(bundle, 0700, &err) < 0 || task_shim_clean_up(&shim, &err) < 0)
            log_warning("container %.12s: %s", container->id, err.message);
    }
    file_remove(AT_FDCWD, socket, &err);
    file_remove(AT_FDCWD, attach, &err);
    bundle_remove(containers, container->id);
}

static void network_leave(Containers *containers, const ContainerRecord *record) {
    Error err = {};
    if (!record->state->endpoint)
        return;
    autodone(Endpoint) endpoint = {};
    endpoint_decode(record->state->endpoint, record->id, &endpoint);
    if (network_detach(containers->with.network, &endpoint, &err) < 0)
        log_warning("network of container %.12s: %s", record->id, err.message);
}

static void record_exit(Containers *containers, Container *container, const TaskExit *exit) {
    Error err = {};
    autoptr(ContainerRecord) record = table_record(containers, container);
    ContainerRecord *changed = container_record_copy(record);
    container_state_reset(changed->state);
    changed->state->status = CONTAINER_EXITED;
    changed->state->exit_code = (JsonInt){true, exit->known ? exit->exit_code : EXIT_UNKNOWN};
    changed->state->finished = (JsonInt){true, exit->known ? exit->exited : time_now()};
    changed->state->oom_killed = (JsonBool){true, exit->oom_killed};
    if (table_update(containers, container, changed, &err) < 0)
        log_error("container %.12s: cannot record its exit: %s", container->id, err.message);
}

/* The network is left before waiters hear of the end, so that whoever waited can use the ports. */
bool exit_handle(Containers *containers, Container *container, const TaskExit *exit) {
    autoptr(ContainerRecord) record = table_record(containers, container);
    TaskExit truth = *exit;
    file_read_exit(containers, container->id, &truth);
    if (!truth.known) /* the program may have outlived its shim */
        exit_clean_up(containers, container);
    network_leave(containers, record);
    record_exit(containers, container, &truth);
    autoptr(ContainerRecord) ended = table_record(containers, container);
    container_event(containers, ended, "die");
    waiters_wake(containers, container, CONTAINER_NOT_RUNNING, (int)ended->state->exit_code.value);
    exit_clean_up(containers, container);
    if (ended->settings->auto_remove.value) {
        Error err = {};
        if (remove_finish(containers, container, &err) < 0)
            log_error("container %.12s: cannot remove it: %s", container->id, err.message);
    }
    return truth.known;
}

int exit_watch(Containers *containers, Container *container, const char *exec_id, Error *err) {
    autofree char *socket = path_shim_socket(containers, container->id);
    MonitorWatch watch = {.subject = container_ref(container)};
    if (!*exec_id)
        watch.generation = container->generation;
    snprintf(watch.exec_id, sizeof watch.exec_id, "%s", exec_id);
    int r = task_wait_begin(socket, container->id, exec_id, &watch.client, err);
    if (r == 0)
        r = monitor_watch(containers->monitor, &watch, err);
    if (r < 0)
        container_unref(container);
    return r;
}

void exit_ended(void *user, const MonitorWatch *watch, const MonitorNews *news) {
    Containers *containers = user;
    autoptr(Container) container = watch->subject;
    const TaskExit *exit = &news->exit;
    if (watch->changes) {
        restart_heard(containers, watch, &news->change);
        return;
    }
    if (*watch->exec_id) {
        exec_ended(containers, container, watch->exec_id, exit);
        return;
    }
    pthread_mutex_lock(&container->operation);
    autoptr(ContainerRecord) record = table_record(containers, container);
    if (watch->generation == container->generation && record->state->status == CONTAINER_RUNNING)
        exit_handle(containers, container, exit);
    pthread_mutex_unlock(&container->operation);
}
