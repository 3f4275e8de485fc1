// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/snapshot/merge.h"
#include "engine/snapshot/private.h"

int snapshot_stage(Snapshots *snapshots, Snapshotter *snapshotter, SnapshotLayer *ret, Error *err) {
    uint64_t number = snapshot_take_number(snapshots);
    const SnapshotStack stack = snapshotter_stack(snapshotter, &number, 1);
    int fd;
    TRY(snapshotter_check(snapshotter, err));
    int code = snapshotter->driver->prepare(&stack, &fd, err);
    if (code < 0) {
        Error ignored;
        snapshotter_remove(snapshotter, number, &ignored);
        return code;
    }
    *ret = (SnapshotLayer){number, fd, snapshotter};
    return 0;
}

int snapshot_layer_begin(Snapshots *snapshots, SnapshotLayer *ret, Error *err) {
    return snapshot_stage(snapshots, snapshots->own, ret, err);
}

void snapshot_layer_abandon(Snapshots *snapshots, SnapshotLayer *layer) {
    Error ignored; /* what stays is swept at the next start */
    if (layer->fd < 0)
        return;
    close(take_fd(&layer->fd));
    snapshotter_remove(layer->snapshotter, layer->number, &ignored);
}

/* A copy of the tree below takes the layer in, and its place. */
static int make_whole(
    Snapshots *snapshots, SnapshotLayer *layer, uint64_t *number, size_t n, Error *err) {
    const SnapshotDriver *driver = layer->snapshotter->driver;
    if (n == 1)
        return merge_strip(layer->fd, err);
    SnapshotLayer whole = {snapshot_take_number(snapshots), -1, layer->snapshotter};
    number[0] = whole.number;
    SnapshotStack stack = snapshotter_stack(layer->snapshotter, number, n);
    stack.writable = true;
    int code = driver->prepare(&stack, &whole.fd, err);
    if (code == 0)
        code = merge_layer(layer->fd, whole.fd, err);
    if (code < 0) {
        Error ignored;
        if (whole.fd >= 0)
            close(whole.fd);
        snapshotter_remove(whole.snapshotter, whole.number, &ignored);
        return code;
    }
    snapshot_layer_abandon(snapshots, layer);
    *layer = whole;
    return 0;
}

/* Without the mutex: the caller's lease keeps what is below. */
static int finish(Snapshots *snapshots, SnapshotLayer *layer, const char *parent, Error *err) {
    const SnapshotDriver *driver = layer->snapshotter->driver;
    autofree uint64_t *below = NULL;
    size_t n = 0;
    pthread_mutex_lock(&snapshots->mutex);
    int code = parent ? snapshot_list_stack(snapshots, parent, &below, &n, err) : 0;
    pthread_mutex_unlock(&snapshots->mutex);
    TRY(code);
    autofree uint64_t *number = new_array(uint64_t, n + 1);
    number[0] = layer->number;
    if (n > 0)
        memcpy(number + 1, below, n * sizeof(*number));
    if (driver->whole)
        TRY(make_whole(snapshots, layer, number, n + 1, err));
    const SnapshotStack stack = snapshotter_stack(layer->snapshotter, number, n + 1);
    return driver->finish ? driver->finish(&stack, err) : 0;
}

/* With the mutex held. */
static int commit_locked(Snapshots *snapshots, const SnapshotLayer *layer, const char *key,
    const char *parent, SnapshotUsage usage, Error *err) {
    if (parent && !snapshot_find(snapshots, parent))
        return error_set(err, ERROR_NOT_FOUND, "no such layer: %s", snapshot_bare_key(parent));
    SnapshotRecord *record = new (SnapshotRecord);
    *record = (SnapshotRecord){
        .number = {true, layer->number},
        .parent = text_copy(parent),
        .bytes = {true, usage.bytes},
        .inodes = {true, usage.inodes},
        .boot = text_copy(snapshots->boot),
        .key = text_copy(key),
    };
    return snapshot_add_record(snapshots, record, err);
}

int snapshot_layer_commit(Snapshots *snapshots, SnapshotLayer *layer, const char *chain_id,
    const char *parent, SnapshotUsage usage, Error *err) {
    autofree char *key = snapshotter_key(layer->snapshotter, chain_id);
    autofree char *below = parent ? snapshotter_key(layer->snapshotter, parent) : NULL;
    bool known = snapshot_exists(snapshots, chain_id);
    int code = known ? 0 : finish(snapshots, layer, below, err);
    if (code == 0 && !known) {
        pthread_mutex_lock(&snapshots->mutex);
        known = snapshot_find(snapshots, key);
        code = known ? 0 : commit_locked(snapshots, layer, key, below, usage, err);
        pthread_mutex_unlock(&snapshots->mutex);
    }
    if (code < 0 || known) {
        snapshot_layer_abandon(snapshots, layer);
        return code;
    }
    close(take_fd(&layer->fd));
    settler_wake(snapshots->settler);
    const SnapshotStack stack = snapshotter_stack(layer->snapshotter, &layer->number, 1);
    return layer->snapshotter->driver->shed ? layer->snapshotter->driver->shed(&stack, err) : 0;
}
