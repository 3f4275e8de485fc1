// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "engine/container/private.h"
#include "engine/container/restart.h"

/* An orphan goes on as its policy says, with exit code 255; after a boot, "always" also wants those
 * that had been stopped by hand, "unless-stopped" does not (docs/decisions/0011). */
static bool is_wanted(const Containers *containers, Container *container) {
    autoptr(ContainerRecord) record = table_record((Containers *)containers, container);
    const char *policy = record->settings->restart;
    if (record->state->status != CONTAINER_EXITED || !restart_is_set(record->settings))
        return false;
    if (container->orphaned)
        return !record->state->stopped.value;
    return containers->fresh && text_equal(policy, "always");
}

static bool is_interrupted(Containers *containers) {
    pthread_mutex_lock(&containers->mutex);
    bool interrupted = containers->interrupted;
    pthread_mutex_unlock(&containers->mutex);
    return interrupted;
}

static void revive_one(Containers *containers, Container *container) {
    Error err = {};
    if (!is_interrupted(containers) && is_wanted(containers, container)) {
        log_info("container %.12s: its restart policy starts it", container->id);
        if (start_again(containers, container, &err) < 0)
            log_error("container %.12s: cannot start it again: %s", container->id, err.message);
    }
    container->orphaned = false;
}

void revive_orphan(Containers *containers, Container *container) {
    container->orphaned = true;
    revive_one(containers, container);
}

static void *revive(void *argument) {
    Containers *containers = argument;
    size_t n;
    Container **all = table_all(containers, &n);
    for (size_t i = 0; i < n; i++) {
        pthread_mutex_lock(&all[i]->operation);
        revive_one(containers, all[i]);
        pthread_mutex_unlock(&all[i]->operation);
        container_unref(all[i]);
    }
    free(all);
    return NULL;
}

static bool any_wanted(Containers *containers) {
    bool any = false;
    size_t n;
    Container **all = table_all(containers, &n);
    for (size_t i = 0; i < n; i++) {
        any = any || is_wanted(containers, all[i]);
        container_unref(all[i]);
    }
    free(all);
    return any;
}

int containers_revive(Containers *containers, Error *err) {
    if (!any_wanted(containers))
        return 0;
    int r = pthread_create(&containers->revive_thread, NULL, revive, containers);
    containers->reviving = r == 0;
    return r == 0 ? 0 : error_set_errno(err, r, "cannot start the thread that restarts containers");
}

void revive_join(Containers *containers) {
    if (containers->reviving)
        pthread_join(containers->revive_thread, NULL);
    containers->reviving = false;
}
