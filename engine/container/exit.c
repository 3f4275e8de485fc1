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
#include "engine/container/mount/mount.h"
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
    JsonBool oom_killed, orphaned;
    ContainerOom *oom;
} ExitFile;

#define T ExitFile
static const JsonField exit_fields[] = {
    {"exitStatus", JSON_UINT, JSON_AT(status), .flags = JSON_REQUIRED},
    {"exitedAt", JSON_TEXT, JSON_AT(exited_at)},
    {"oomKilled", JSON_BOOL, JSON_AT(oom_killed)},
    {"orphaned", JSON_BOOL, JSON_AT(orphaned)},
    {"oom", JSON_OBJECT, JSON_AT(oom), &container_oom_type},
    {},
};
static const JsonType exit_type = {sizeof(T), exit_fields};
#undef T

static void file_read_exit(
    Containers *containers, const char *id, TaskExit *ret, ContainerOom **ret_oom) {
    autofree char *path = container_path(containers, id, "exit.json");
    autodone(Text) text = {};
    ExitFile file;
    Error err = {};
    if (file_read(AT_FDCWD, path, RECORD_LIMIT, &text, &err) < 0)
        return;
    if (json_decode(&exit_type, text.data, text.length, &file, &err) < 0) {
        log_warning("%s: %s", path, err.message);
        return;
    }
    *ret = (TaskExit){.known = !file.orphaned.value,
        .exit_code = (int)file.status.value,
        .oom_killed = file.oom_killed.value};
    if (!file.exited_at || time_parse(file.exited_at, &ret->exited, &err) < 0)
        ret->exited = time_now();
    *ret_oom = take_ptr(&file.oom);
    json_done(&exit_type, &file);
}

/* ERROR_UNAVAILABLE: there is no shim any more. */
static int end_task(const char *socket, const char *id, Error *err) {
    autoptr(TtrpcClient) client = NULL;
    if (ttrpc_client_connect(socket, &client, err) < 0)
        return ERROR_UNAVAILABLE;
    int r = task_delete(client, id, "", err);
    if (r < 0 && r != ERROR_NOT_FOUND)
        return r;
    return task_shutdown(client, id, err);
}

/* Through the shim if it lives, else by its delete command. What is not there is fine. */
int exit_clean_up(Containers *containers, Container *container, Error *err) {
    autofree char *socket = path_shim_socket(containers, container->id);
    autofree char *attach = path_attach_socket(containers, container->id);
    autofree char *bundle = path_bundle(containers, container->id);
    if (!file_exists(AT_FDCWD, bundle) && !file_exists(AT_FDCWD, socket))
        return 0;
    int r = end_task(socket, container->id, err);
    if (r == ERROR_UNAVAILABLE) {
        const TaskShim shim = shim_of(containers, container, bundle, socket);
        TRY(file_make_dirs(bundle, 0700, err));
        r = task_shim_clean_up(&shim, err);
    }
    TRY(r);
    TRY(file_remove(AT_FDCWD, socket, err));
    TRY(file_remove(AT_FDCWD, attach, err));
    return bundle_remove(containers, container->id, err);
}

static void warn(const Container *container, int r, const Error *err) {
    if (r < 0)
        log_warning("container %.12s: %s", container->id, err->message);
}

/* Takes the victim. */
static void record_exit(
    Containers *containers, Container *container, const TaskExit *exit, ContainerOom *oom) {
    autoptr(ContainerRecord) record = table_record(containers, container);
    ContainerRecord *changed = container_record_copy(record);
    container_state_reset(changed->state);
    changed->state->status = CONTAINER_EXITED;
    changed->state->exit_code = (JsonInt){true, exit->known ? exit->exit_code : EXIT_UNKNOWN};
    changed->state->finished = (JsonInt){true, exit->exited ? exit->exited : time_now()};
    changed->state->oom_killed = (JsonBool){true, exit->oom_killed};
    changed->state->oom = oom;
    table_learn(containers, container, changed);
}

/* The network is left before waiters hear of the end, so that whoever waited can use the ports. */
bool exit_handle(Containers *containers, Container *container, const TaskExit *exit) {
    autoptr(ContainerRecord) record = table_record(containers, container);
    TaskExit truth = *exit;
    ContainerOom *oom = NULL;
    Error err = {};
    file_read_exit(containers, container->id, &truth, &oom);
    if (!truth.known) /* the program may have outlived its shim */
        warn(container, exit_clean_up(containers, container, &err), &err);
    warn(container, endpoint_leave(containers, record, &err), &err);
    record_exit(containers, container, &truth, oom);
    autoptr(ContainerRecord) ended = table_record(containers, container);
    container_event_oom(containers, record, ended);
    container_event(containers, ended, "die");
    waiters_wake(containers, container, CONTAINER_NOT_RUNNING, (int)ended->state->exit_code.value);
    warn(container, exit_clean_up(containers, container, &err), &err);
    mounts_release(containers, ended);
    if (ended->settings->auto_remove.value && remove_finish(containers, container, true, &err) < 0)
        log_error("container %.12s: cannot remove it: %s", container->id, err.message);
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
    if (!news)
        return;
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
    if (watch->generation == container->generation && record->state->status == CONTAINER_RUNNING &&
        !exit_handle(containers, container, exit))
        revive_orphan(containers, container);
    pthread_mutex_unlock(&container->operation);
}
