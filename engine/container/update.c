// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/container/private.h"
#include "engine/container/restart.h"
#include "engine/container/spec/spec.h"

/* First the running container, then the record: what the kernel refuses is not remembered. */

static void change_settings(const ContainerUpdate *update, ContainerSettings *settings) {
    if (update->memory > 0)
        settings->memory = (JsonInt){true, update->memory};
    if (update->nano_cpus > 0)
        settings->nano_cpus = (JsonInt){true, update->nano_cpus};
    if (update->pids_limit != 0)
        settings->pids_limit = (JsonInt){true, update->pids_limit};
    if (!update->restart)
        return;
    free(settings->restart);
    settings->restart = text_copy(update->restart);
    settings->restart_retries = (JsonUint){true, update->restart_retries};
}

static int change_task(
    Containers *containers, const char *id, const ContainerSettings *settings, Error *err) {
    autofree char *socket = path_shim_socket(containers, id);
    autoptr(TtrpcClient) client = NULL;
    OciResources resources = {};
    spec_build_limits(settings, &resources);
    autofree char *json = json_encode(&oci_resources_type, &resources, 0);
    json_done(&oci_resources_type, &resources);
    TRY(ttrpc_client_connect(socket, &client, err));
    return task_update(client, id, json, err);
}

static int update_locked(
    Containers *containers, Container *container, const ContainerUpdate *update, Error *err) {
    autoptr(ContainerRecord) record = table_record(containers, container);
    if (record->state->status == CONTAINER_REMOVING)
        return error_set(err, ERROR_STATE, "container is marked for removal and cannot be updated");
    autoptr(ContainerRecord) changed = container_record_copy(record);
    change_settings(update, changed->settings);
    TRY(restart_check(changed->settings, err));
    bool running = record->state->status == CONTAINER_RUNNING;
    if (running && (update->memory || update->nano_cpus || update->pids_limit))
        TRY(change_task(containers, container->id, changed->settings, err));
    bool watched = restart_is_watched(record);
    if (running && update->restart)
        TRY(restart_tell_shim(
            containers, container->id, update->restart, update->restart_retries, err));
    TRY(table_update(containers, container, take_ptr(&changed), err));
    autoptr(ContainerRecord) now = table_record(containers, container);
    if (running && !watched && restart_is_watched(now))
        TRY(restart_watch(containers, container, 0, err));
    container_event(containers, now, "update");
    return 0;
}

int container_update(
    Containers *containers, const char *reference, const ContainerUpdate *update, Error *err) {
    autoptr(Container) container = NULL;
    TRY(table_find(containers, reference, &container, err));
    pthread_mutex_lock(&container->operation);
    int r = update_locked(containers, container, update, err);
    pthread_mutex_unlock(&container->operation);
    return r < 0 ? error_prefix(err, "cannot update container %s", reference) : 0;
}
