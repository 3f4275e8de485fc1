// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/container/hold.h"
#include "engine/container/mount/mount.h"
#include "engine/container/private.h"
#include "engine/container/restart.h"
#include "engine/container/rootfs.h"
#include "engine/crew/crew.h"

/* What a kill leaves at each point, and how the next start ends it. A row holds for everything
 * between the act on its left and the next row's.
 *
 *   create   record put as "removing"             removed: record, directory, snapshot
 *            directory and snapshot made          the same
 *            volumes made and filled              the same; those with names stay
 *            record put as "created"              the container exists
 *   start    exit record of the last run removed  still created or exited, with its old exit code
 *            network attached                     network_start sweeps what no record claims
 *            record put with endpoint             detached, endpoint dropped
 *            bundle made, shim started, Create    shim asked: task CREATED, so deleted; as above
 *            Start                                shim asked: RUNNING, so adopted
 *            record put as "running"              adopted
 *   hold     record put as "held"                 not paused: the mark is taken away
 *            paused, and read                     shim asked: PAUSED, so resumed
 *            resumed                              the mark is taken away
 *   exit     exit record linked (by the shim)     read from there, whatever the record says
 *            network detached                     detached again, which is no error
 *            record put as "exited"               shim, bundle, sockets found and cleaned up
 *            task deleted, shim ended             auto-remove: removed now
 *   remove   record put as "removing"             removed, however far it had come, with the
 *                                                 anonymous volumes if the record says so
 *
 * A record that says "running" with neither shim nor exit record died with its machine: 255. */

typedef enum Found {
    FOUND_NOTHING, /* no shim */
    FOUND_SILENT,  /* a shim that does not answer: frozen, or the machine is overloaded */
    FOUND_CREATED,
    FOUND_STARTED, /* runs, or has ended with the shim still there */
} Found;

/* All shims are asked together, and what does not answer by a common deadline is silent: a thousand
 * frozen ones do not keep the engine from starting. After the deadline each still has a moment, so
 * that those are heard whose turn came late. */
#define PATIENCE (10 * TIME_SECOND)
#define MOMENT (100 * TIME_MILLISECOND)

typedef struct Recovery {
    Containers *containers;
    Container **all;
    int64_t until; /* monotonic */
} Recovery;

static Found ask_shim(
    Containers *containers, Container *container, int64_t until, unsigned *ret_pid) {
    autofree char *socket = path_shim_socket(containers, container->id);
    autoptr(TtrpcClient) client = NULL;
    TaskState state;
    Error err = {};
    if (ttrpc_client_connect(socket, &client, &err) < 0)
        return FOUND_NOTHING;
    int64_t left = until - time_monotonic();
    const TaskAsk ask = {container->id, "", left > MOMENT ? left : MOMENT};
    int r = task_state(client, &ask, &state, &err);
    if (r < 0)
        return r == ERROR_TIMEOUT ? FOUND_SILENT : FOUND_NOTHING;
    *ret_pid = state.pid;
    if (state.status == TASK_CREATED)
        return FOUND_CREATED;
    return state.status == TASK_UNKNOWN ? FOUND_NOTHING : FOUND_STARTED;
}

static int make_running(Containers *containers, Container *container, unsigned pid, Error *err) {
    autoptr(ContainerRecord) record = table_record(containers, container);
    if (record->state->status == CONTAINER_RUNNING)
        return 0;
    ContainerRecord *changed = container_record_copy(record);
    changed->state->status = CONTAINER_RUNNING;
    changed->state->pid = (JsonInt){true, pid};
    changed->state->started = (JsonInt){true, time_now()};
    changed->state->exit_code = (JsonInt){true, 0};
    return table_update(containers, container, changed, err);
}

static int drop_endpoint(Containers *containers, Container *container, Error *err) {
    autoptr(ContainerRecord) record = table_record(containers, container);
    if (!record->state->endpoint)
        return 0;
    TRY(endpoint_leave(containers, record, err));
    ContainerRecord *changed = container_record_copy(record);
    autofree char *error = take_ptr(&changed->state->error);
    container_state_reset(changed->state);
    changed->state->error = take_ptr(&error);
    return table_update(containers, container, changed, err);
}

static int recover_one(Containers *containers, Container *container, int64_t until, Error *err) {
    autoptr(ContainerRecord) record = table_record(containers, container);
    ContainerStatus status = record->state->status;
    unsigned pid = 0;
    if (status == CONTAINER_REMOVING)
        return remove_finish(containers, container, false, err);
    Found found = ask_shim(containers, container, until, &pid);
    if (found == FOUND_STARTED || (found == FOUND_SILENT && status == CONTAINER_RUNNING)) {
        log_info("container %.12s: adopted", container->id);
        mounts_adopt(containers, record);
        TRY(make_running(containers, container, pid, err));
        TRY(exit_watch(containers, container, "", err));
        if (found == FOUND_STARTED)
            hold_recover(containers, container);
        return restart_is_watched(record) ? restart_watch(containers, container, 0, err) : 0;
    }
    if (status == CONTAINER_RUNNING) {
        container->orphaned = !exit_handle(containers, container, &(TaskExit){});
        return 0;
    }
    TRY(exit_clean_up(containers, container, err));
    TRY(drop_endpoint(containers, container, err));
    if (record->settings->auto_remove.value)
        return remove_finish(containers, container, true, err);
    return 0;
}

static bool recover(void *user, size_t index) {
    Recovery *recovery = user;
    Container *container = recovery->all[index];
    Error why = {};
    pthread_mutex_lock(&container->operation);
    if (recover_one(recovery->containers, container, recovery->until, &why) < 0)
        log_error("container %.12s: cannot recover it: %s", container->id, why.message);
    pthread_mutex_unlock(&container->operation);
    container_unref(container);
    return true;
}

static void recover_all(Containers *containers) {
    size_t n;
    autofree Container **all = table_all(containers, &n);
    Recovery recovery = {containers, all, time_monotonic() + PATIENCE};
    crew_run(&(Crew){n, CREW_THREADS_MAX, recover, &recovery});
}

/* Entries of a directory of ours which are ids, or begin with one. */
static void for_each_id(const char *directory,
    void (*visit)(Containers *containers, const char *id), Containers *containers) {
    DIR *stream = opendir(directory);
    if (!stream)
        return;
    for (struct dirent *entry; (entry = readdir(stream));) {
        if (strspn(entry->d_name, "0123456789abcdef") < 64)
            continue;
        autofree char *id = text_copy_n(entry->d_name, 64);
        visit(containers, id);
    }
    closedir(stream);
}

static bool is_known(Containers *containers, const char *id) {
    autoptr(ContainerRecord) record = NULL;
    Error ignored;
    return container_find(containers, id, &record, &ignored) == 0;
}

/* Bundles and sockets of containers without a record. */
static void sweep_task(Containers *containers, const char *id) {
    if (is_known(containers, id))
        return;
    log_info("container %.12s: no record, cleaning up", id);
    Container *container = new (Container);
    memcpy(container->id, id, 64);
    pthread_mutex_init(&container->operation, NULL);
    atomic_init(&container->references, 1);
    Error err = {};
    if (exit_clean_up(containers, container, &err) < 0)
        log_warning("container %.12s: %s", id, err.message);
    container_unref(container);
}

static void sweep_lookup(Containers *containers, const char *id) {
    autofree char *path = path_lookup(containers, id);
    Error err = {};
    if (rootfs_sweep(path, &err) < 0)
        log_warning("%s", err.message);
}

static void sweep_directory(Containers *containers, const char *id) {
    autofree char *path = container_path(containers, id, "");
    Error err = {};
    if (!is_known(containers, id) && file_remove_tree(AT_FDCWD, path, &err) < 0)
        log_warning("%s", err.message);
}

int containers_recover(Containers *containers, Error *err) {
    const Config *config = containers->with.config;
    static const struct {
        const char *name;
        bool durable;
        void (*visit)(Containers *containers, const char *id);
    } sweeps[] = {
        {"lookup", false, sweep_lookup},
        {"bundles", false, sweep_task},
        {"shim", false, sweep_task},
        {"containers", true, sweep_directory},
    };
    recover_all(containers);
    volumes_settle(containers->with.volumes);
    for (size_t i = 0; i < array_size(sweeps); i++) {
        autofree char *path =
            path_join(sweeps[i].durable ? config->root : config->state, sweeps[i].name);
        for_each_id(path, sweeps[i].visit, containers);
    }
    return 0;
}
