// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/container/bundle.h"
#include "engine/container/failure.h"
#include "engine/container/health.h"
#include "engine/container/mount/mount.h"
#include "engine/container/private.h"
#include "engine/container/restart.h"
#include "engine/container/spec/spec.h"

/* A start is a table of steps, each undone in reverse when a later one fails. The record is written
 * before what only it can undo (the endpoint), and after what the shim can tell by itself. */
typedef struct Start {
    Containers *containers;
    Container *container;
    ContainerRecord *record; /* current; ours */
    char *bundle, *socket;
    TtrpcClient *client;
} Start;

static void warn(const Start *start, int r, const Error *err) {
    if (r < 0)
        log_warning("container %.12s: %s", start->container->id, err->message);
}

static int update(Start *start, ContainerRecord *changed, Error *err) {
    TRY(table_update(start->containers, start->container, changed, err));
    container_record_unref(start->record);
    start->record = table_record(start->containers, start->container);
    return 0;
}

static int sources_make(Start *start, Error *err) {
    const JsonObjects *mounts = &start->record->settings->mounts;
    for (size_t i = 0; i < mounts->n; i++) {
        const ContainerMount *mount = (const ContainerMount *)mounts->item + i;
        struct stat st;
        if (mount_kind(mount) != MOUNT_BIND)
            continue;
        if (stat(mount->source, &st) == 0)
            continue;
        if (errno != ENOENT || mount->strict.value)
            return error_set_errno(err, errno, "cannot stat '%s'", mount->source);
        TRY(file_make_dirs(mount->source, 0755, err));
    }
    return 0;
}

static int volumes_hold(Start *start, Error *err) {
    return mounts_hold(start->containers, start->record, err);
}

static void volumes_release(Start *start) {
    mounts_release(start->containers, start->record);
}

static int volumes_place(Start *start, Error *err) {
    return mounts_place(start->containers, start->record, err);
}

static void volumes_unplace(Start *start) {
    Error err = {};
    warn(start, bundle_remove(start->containers, start->container->id, &err), &err);
}

/* The exit record of the last run must not be taken for this one's. */
static int traces_remove(Start *start, Error *err) {
    autofree char *exit = container_path(start->containers, start->container->id, "exit.json");
    TRY(exit_clean_up(start->containers, start->container, err));
    return file_remove(AT_FDCWD, exit, err);
}

static int network_connect(Start *start, Error *err) {
    const ContainerSettings *settings = start->record->settings;
    autodone(Endpoint) endpoint = {};
    EndpointRequest request = {
        .container = start->record->id,
        .name = start->record->name,
        .network = settings->network ? settings->network : "",
    };
    autofree PortBinding *ports = ports_decode(&settings->ports, &request.ports_n);
    request.ports = ports;
    TRY(network_attach(start->containers->with.network, &request, &endpoint, err));
    ContainerRecord *changed = container_record_copy(start->record);
    changed->state->endpoint = endpoint_encode(&endpoint);
    int r = update(start, changed, err);
    Error ignored = {};
    if (r < 0)
        network_detach(start->containers->with.network, &endpoint, &ignored);
    return r;
}

static void network_disconnect(Start *start) {
    Error err = {};
    warn(start, endpoint_leave(start->containers, start->record, &err), &err);
}

static int files_write(Start *start, Error *err) {
    return bundle_write_files(start->containers, start->record, err);
}

static int bundle_step(Start *start, Error *err) {
    return bundle_make(start->containers, start->record, err);
}

/* With whatever task there is: a shim may have started and not be reachable. */
static void task_undo(Start *start) {
    Error err = {};
    warn(start, exit_clean_up(start->containers, start->container, &err), &err);
}

static int shim_step(Start *start, Error *err) {
    const TaskShim shim =
        shim_of(start->containers, start->container, start->bundle, start->socket);
    TRY(task_shim_start(&shim, err));
    return ttrpc_client_connect(start->socket, &start->client, err);
}

/* A power cut may have taken layers whose blobs are here. */
static int find_rootfs(Start *start, SnapshotMount *ret, Error *err) {
    const ContainersOptions *with = &start->containers->with;
    autoptr(Image) image = NULL;
    Error gone;
    if (snapshot_mounts(with->snapshots, start->container->id, ret, err) == 0)
        return 0;
    if (err->code != ERROR_NOT_FOUND ||
        image_load(with->images, start->record->image->id, &image, &gone) < 0)
        return err->code;
    TRY(image_unpack(with->images, image, err));
    return snapshot_mounts(with->snapshots, start->container->id, ret, err);
}

static int task_step(Start *start, Error *err) {
    const Config *config = start->containers->with.config;
    const ContainerSettings *settings = start->record->settings;
    autodone(SnapshotMount) rootfs = {};
    autofree char *directory = container_path(start->containers, start->container->id, "");
    autofree char *exit = container_path(start->containers, start->container->id, "exit.json");
    autofree char *attach = path_attach_socket(start->containers, start->container->id);
    autofree char *runtime_root = path_join(config->state, "runtime");
    autodone(TaskRuntime) runtime = {};
    unsigned pid;
    TRY(task_runtime_find(config, settings->runtime, runtime_root, &runtime, err));
    TRY(find_rootfs(start, &rootfs, err));
    autofree char *probe = path_join(start->bundle, BUNDLE_HEALTH_FILE);
    OciHealthcheck health;
    bool checked =
        health_of(start->record, &health) && (!runtime.delegate || health_is_url(&health));
    int stop_signal = SIGTERM;
    TRY(signal_parse(spec_stop_signal(start->record), &stop_signal, err));
    const TaskHealth task_health = health_task(start->record, &health, probe, stop_signal);
    autodone(LogConfig) log = {};
    TRY(log_config_load(start->record, directory, &log, err));
    const TaskCreate create = {
        .id = start->container->id,
        .bundle = start->bundle,
        .rootfs = &rootfs,
        .terminal = settings->terminal.value,
        .open_stdin = settings->open_stdin.value,
        .stdin_once = settings->stdin_once.value,
        .terminal_rows = (unsigned)settings->terminal_rows.value,
        .terminal_columns = (unsigned)settings->terminal_columns.value,
        .runtime = &runtime,
        .runtime_root = runtime_root,
        .log = &log,
        .attach_socket = attach,
        .exit_record = exit,
        .restart = settings->restart,
        .restart_retries = (unsigned)settings->restart_retries.value,
        .health = checked ? &task_health : NULL,
    };
    int r = task_create(start->client, &create, &pid, err);
    return r < 0 ? error_prefix(err, "failed to create task for container") : 0;
}

typedef struct Step {
    int (*make)(Start *start, Error *err);
    void (*undo)(Start *start);
} Step;

static const Step steps[] = {
    {traces_remove, NULL},
    {sources_make, NULL},
    {volumes_hold, volumes_release},
    {volumes_place, volumes_unplace},
    {network_connect, network_disconnect},
    {files_write, NULL},
    {bundle_step, task_undo},
    {shim_step, NULL},
    {task_step, NULL},
};

static void start_init(Start *start, Containers *containers, Container *container) {
    *start = (Start){.containers = containers, .container = container};
    start->record = table_record(containers, container);
    start->bundle = path_bundle(containers, container->id);
    start->socket = path_shim_socket(containers, container->id);
}

static void start_done(Start *start) {
    container_record_unref(start->record);
    free(start->bundle);
    free(start->socket);
    ttrpc_client_free(start->client);
}
CLEANUP_DEFINE_DONE(Start, start_done)

/* Docker's exit codes of a program that never ran. */
static void failure_record(Start *start, const Error *err) {
    Error why = {};
    ContainerRecord *changed = container_record_copy(start->record);
    container_state_reset(changed->state);
    changed->state->error = text_copy(err->message);
    changed->state->exit_code = (JsonInt){true, command_failure_exit_code(err)};
    warn(start, update(start, changed, &why), &why);
}

int start_prepare(Containers *containers, Container *container, Error *err) {
    autodone(Start) start;
    start_init(&start, containers, container);
    container->generation++;
    container->holds = 0;
    for (size_t i = 0; i < array_size(steps); i++) {
        if (steps[i].make(&start, err) >= 0)
            continue;
        command_failure_classify(err);
        for (size_t undo = i + 1; undo-- > 0;) {
            if (steps[undo].undo)
                steps[undo].undo(&start);
        }
        failure_record(&start, err);
        return err->code;
    }
    container->has_task = true;
    return 0;
}

void start_abandon(Containers *containers, Container *container) {
    autodone(Start) start;
    start_init(&start, containers, container);
    container->has_task = false;
    task_undo(&start);
    network_disconnect(&start);
    volumes_release(&start);
}

static int run(Start *start, Error *err) {
    unsigned pid;
    TRY(ttrpc_client_connect(start->socket, &start->client, err));
    TRY(exit_watch(start->containers, start->container, "", err));
    int r = task_start(start->client, start->container->id, "", &pid, err);
    if (r < 0)
        return error_prefix(err, "failed to start task for container");
    ContainerRecord *changed = container_record_copy(start->record);
    changed->state->status = CONTAINER_RUNNING;
    changed->state->pid = (JsonInt){true, pid};
    changed->state->started = (JsonInt){true, time_now()};
    changed->state->exit_code = (JsonInt){true, 0};
    changed->state->oom_killed = changed->state->restarting = changed->state->stopped =
        (JsonBool){};
    container_oom_free(take_ptr(&changed->state->oom));
    changed->state->restart_count = (JsonUint){true, 0};
    free(take_ptr(&changed->state->error));
    TRY(update(start, changed, err));
    return restart_is_watched(start->record)
               ? restart_watch(start->containers, start->container, 0, err)
               : 0;
}

int start_again(Containers *containers, Container *container, Error *err) {
    autodone(Start) start = {};
    if (!container->has_task)
        TRY(start_prepare(containers, container, err));
    start_init(&start, containers, container);
    int r = run(&start, err);
    container->has_task = false;
    if (r == 0) {
        container_event(containers, start.record, "start");
        return 0;
    }
    command_failure_classify(err);
    start_abandon(containers, container);
    failure_record(&start, err);
    return err->code;
}

/* As Docker: what was to be removed when it ends is removed when it cannot start. */
static void failed(Containers *containers, Container *container, const ContainerRecord *record) {
    Error err = {};
    if (record->settings->auto_remove.value && remove_finish(containers, container, true, &err) < 0)
        log_error("container %.12s: cannot remove it: %s", container->id, err.message);
}

/* Running already is no error (Docker answers 304). */
static int startable(const ContainerRecord *record, bool *ret_running, Error *err) {
    *ret_running = record->state->status == CONTAINER_RUNNING;
    if (record->state->status == CONTAINER_REMOVING)
        return error_set(err, ERROR_STATE, "container is marked for removal and cannot be started");
    return 0;
}

int container_start(Containers *containers, const char *reference, Error *err) {
    autoptr(Container) container = NULL;
    autoptr(ContainerRecord) record = NULL;
    bool running;
    TRY(table_find(containers, reference, &container, err));
    pthread_mutex_lock(&container->operation);
    record = table_record(containers, container);
    int r = startable(record, &running, err);
    if (r == 0 && !running) {
        r = start_again(containers, container, err);
        if (r < 0)
            failed(containers, container, record);
    }
    pthread_mutex_unlock(&container->operation);
    return r;
}

int container_attach(Containers *containers, const char *reference, char **ret_socket,
    ContainerRecord **ret, Error *err) {
    autoptr(Container) container = NULL;
    autoptr(ContainerRecord) record = NULL;
    bool running;
    TRY(table_find(containers, reference, &container, err));
    pthread_mutex_lock(&container->operation);
    record = table_record(containers, container);
    int r = startable(record, &running, err);
    if (r == 0 && !running && !container->has_task) {
        r = start_prepare(containers, container, err);
        if (r < 0)
            failed(containers, container, record);
    }
    pthread_mutex_unlock(&container->operation);
    TRY(r);
    *ret_socket = path_attach_socket(containers, container->id);
    *ret = take_ptr(&record);
    return 0;
}
