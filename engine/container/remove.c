// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/container/private.h"

/* From the record's mark on, removal only goes forward; whatever is gone already is fine. */
int remove_finish(Containers *containers, Container *container, Error *err) {
    autofree char *directory = container_path(containers, container->id, "");
    autoptr(ContainerRecord) record = table_record(containers, container);
    if (record->state->status != CONTAINER_REMOVING) {
        ContainerRecord *marked = container_record_copy(record);
        marked->state->status = CONTAINER_REMOVING;
        TRY(table_update(containers, container, marked, err));
    }
    if (container->has_task)
        start_abandon(containers, container);
    TRY(exit_clean_up(containers, container, err));
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

static int remove_locked(Containers *containers, Container *container, Error *err) {
    autoptr(ContainerRecord) record = table_record(containers, container);
    if (record->state->status == CONTAINER_RUNNING)
        return error_set(err, ERROR_STATE,
            "container is running: stop the container before removing or force remove");
    return remove_finish(containers, container, err);
}

/* Somebody may start the container again between kill and lock: then it is killed again. */
enum {
    FORCE_ATTEMPTS = 5
};

int container_remove(Containers *containers, const char *reference, bool force, Error *err) {
    autoptr(Container) container = NULL;
    TRY(table_find(containers, reference, &container, err));
    int r = 0;
    for (unsigned attempt = 0; attempt < FORCE_ATTEMPTS; attempt++) {
        if (force) {
            Error ignored = {};
            container_kill(containers, container->id, "KILL", &ignored);
        }
        pthread_mutex_lock(&container->operation);
        r = table_is_listed(containers, container) ? remove_locked(containers, container, err) : 0;
        pthread_mutex_unlock(&container->operation);
        if (r != ERROR_STATE || !force)
            break;
    }
    return r < 0 ? error_prefix(err, "cannot remove container \"%s\"", reference) : 0;
}
