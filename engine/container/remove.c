// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/container/mount/mount.h"
#include "engine/container/private.h"

/* From the record's mark on, removal only goes forward; whatever is gone already is fine. */
static int mark(Containers *containers, Container *container, bool volumes, Error *err) {
    autoptr(ContainerRecord) record = table_record(containers, container);
    if (record->state->status == CONTAINER_REMOVING)
        return 0;
    ContainerRecord *marked = container_record_copy(record);
    marked->state->status = CONTAINER_REMOVING;
    marked->state->remove_volumes =
        (JsonBool){true, volumes || record->settings->auto_remove.value};
    return table_update(containers, container, marked, err);
}

int remove_finish(Containers *containers, Container *container, bool volumes, Error *err) {
    autofree char *directory = container_path(containers, container->id, "");
    TRY(mark(containers, container, volumes, err));
    autoptr(ContainerRecord) record = table_record(containers, container);
    if (container->has_task)
        start_abandon(containers, container);
    TRY(exit_clean_up(containers, container, err));
    mounts_release(containers, record);
    if (record->state->remove_volumes.value)
        mounts_remove_volumes(containers, record);
    TRY(snapshot_remove(containers->with.snapshots, container->id, err));
    TRY(file_remove_tree(AT_FDCWD, directory, err));
    TRY(store_remove(containers->with.store, STORE_CONTAINER, container->id, err));
    bool was_listed = table_is_listed(containers, container);
    table_remove(containers, container);
    if (was_listed)
        container_event(containers, record, "destroy");
    waiters_wake(containers, container, CONTAINER_REMOVED, (int)record->state->exit_code.value);
    return 0;
}

static int remove_locked(Containers *containers, Container *container, bool volumes, Error *err) {
    autoptr(ContainerRecord) record = table_record(containers, container);
    if (record->state->status == CONTAINER_RUNNING)
        return error_set(err, ERROR_STATE,
            "container is running: stop the container before removing or force remove");
    return remove_finish(containers, container, volumes, err);
}

/* Somebody may start the container again between kill and lock: then it is killed again. */
enum {
    FORCE_ATTEMPTS = 5
};

int container_remove(
    Containers *containers, const char *reference, const ContainerRemove *remove, Error *err) {
    autoptr(Container) container = NULL;
    TRY(table_find(containers, reference, &container, err));
    int r = 0;
    for (unsigned attempt = 0; attempt < FORCE_ATTEMPTS; attempt++) {
        if (remove->force) {
            Error ignored = {};
            container_kill(containers, container->id, "KILL", &ignored);
        }
        pthread_mutex_lock(&container->operation);
        r = table_is_listed(containers, container)
                ? remove_locked(containers, container, remove->volumes, err)
                : 0;
        pthread_mutex_unlock(&container->operation);
        if (r != ERROR_STATE || !remove->force)
            break;
    }
    return r < 0 ? error_prefix(err, "cannot remove container \"%s\"", reference) : 0;
}
