// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/snapshot/named.h"
#include "engine/snapshot/private.h"

/* All drivers that can work in this ROOT are there at once: clients choose by name, and what was
 * made under one stays usable when engine.json names another. */
static const SnapshotDriver *const drivers[] = {
    &snapshot_overlay, &snapshot_native, &snapshot_btrfs, &snapshot_erofs};
_Static_assert(array_size(drivers) == SNAPSHOT_DRIVERS, "a place for each driver");

#define MARK '!' /* between a driver's name and the key; no name of a client's space holds it */

/* overlay's keys bear no name: they were there before the others. */
static bool is_plain(const Snapshotter *snapshotter) {
    return snapshotter->driver == &snapshot_overlay;
}

char *snapshotter_key(const Snapshotter *snapshotter, const char *key) {
    return is_plain(snapshotter) ? text_copy(key)
                                 : text_format("%s%c%s", snapshotter->driver->name, MARK, key);
}

static size_t name_length(const char *key) {
    size_t n = strcspn(key, "!/");
    return key[n] == MARK ? n : 0;
}

const char *snapshot_bare_key(const char *key) {
    size_t n = name_length(key);
    return n > 0 ? key + n + 1 : key;
}

Snapshotter *snapshotter_of(Snapshots *snapshots, const char *key) {
    size_t n = name_length(key);
    for (size_t i = 0; i < SNAPSHOT_DRIVERS; i++) {
        const char *name = drivers[i]->name;
        if (n > 0 && strncmp(name, key, n) == 0 && name[n] == '\0')
            return &snapshots->snapshotter[i];
    }
    return &snapshots->snapshotter[0];
}

char *snapshot_key(const Snapshots *snapshots, const char *key) {
    if (name_length(key) > 0 || strchr(key, '/'))
        return text_copy(key);
    autofree char *own = snapshotter_key(snapshots->own, key);
    if (snapshot_find(snapshots, own))
        return take_ptr(&own);
    for (size_t i = 0; i < snapshots->n; i++)
        if (snapshots->record[i]->writable.value &&
            text_equal(snapshot_bare_key(snapshots->record[i]->key), key))
            return text_copy(snapshots->record[i]->key);
    return take_ptr(&own);
}

int snapshotter_check(const Snapshotter *snapshotter, Error *err) {
    if (snapshotter->dir >= 0)
        return 0;
    *err = snapshotter->why;
    return err->code;
}

SnapshotStack snapshotter_stack(const Snapshotter *snapshotter, const uint64_t *number, size_t n) {
    return (SnapshotStack){snapshotter->path, snapshotter->dir, number, n, false};
}

int snapshotter_remove(const Snapshotter *snapshotter, uint64_t number, Error *err) {
    const SnapshotStack stack = snapshotter_stack(snapshotter, &number, 1);
    char name[24];
    TRY(snapshotter_check(snapshotter, err));
    if (snapshotter->driver->unmount)
        TRY(snapshotter->driver->unmount(&stack, err));
    if (snapshotter->driver->release)
        TRY(snapshotter->driver->release(&stack, err));
    snprintf(name, sizeof(name), "%" PRIu64, number);
    return file_remove_tree(snapshotter->dir, name, err);
}

static int open_one(Snapshotter *snapshotter, const char *base, int dir, Error *err) {
    autofree char *path = path_join(base, snapshotter->driver->name);
    snapshotter->path = path_absolute(path);
    TRY(snapshotter->driver->set_up(snapshotter->path, dir, err));
    TRY(file_make_dirs(path, 0700, err));
    return file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &snapshotter->dir, err);
}

/* Only that which images and containers need has to work. */
int snapshotters_open(Snapshots *snapshots, const char *root, const char *own, Error *err) {
    autofree char *base = path_join(root, "snapshots");
    autoclose int dir = -1;
    for (size_t i = 0; i < SNAPSHOT_DRIVERS; i++) {
        snapshots->snapshotter[i] = (Snapshotter){.driver = drivers[i], .dir = -1};
        if (text_equal(own, drivers[i]->name) || text_equal(own, drivers[i]->snapshotter))
            snapshots->own = &snapshots->snapshotter[i];
    }
    /* Docker's name of the same */
    if (text_equal(own, "overlay2"))
        snapshots->own = &snapshots->snapshotter[0];
    if (!snapshots->own)
        return error_set(err, ERROR_INVALID, "unknown storage driver: %s", own);
    TRY(file_make_dirs(base, 0700, err));
    TRY(file_open(AT_FDCWD, base, O_RDONLY | O_DIRECTORY, 0, &dir, err));
    for (size_t i = 0; i < SNAPSHOT_DRIVERS; i++) {
        Snapshotter *snapshotter = &snapshots->snapshotter[i];
        open_one(snapshotter, base, dir, &snapshotter->why);
    }
    if (snapshotter_check(snapshots->own, err) < 0)
        return error_prefix(err, "storage driver %s", own);
    return 0;
}

void snapshotters_close(Snapshots *snapshots) {
    for (size_t i = 0; i < SNAPSHOT_DRIVERS; i++) {
        if (snapshots->snapshotter[i].path && snapshots->snapshotter[i].dir >= 0)
            close(snapshots->snapshotter[i].dir);
        free(snapshots->snapshotter[i].path);
    }
}

/* Docker's name of what overlay is. */
static const char *name_of(const Snapshotter *snapshotter) {
    return is_plain(snapshotter) ? "overlay2" : snapshotter->driver->name;
}

const char *snapshots_driver(const Snapshots *snapshots) {
    return name_of(snapshots->own);
}

const char *snapshot_driver_of(Snapshots *snapshots, const char *key) {
    pthread_mutex_lock(&snapshots->mutex);
    autofree char *complete = snapshot_key(snapshots, key);
    const Snapshotter *snapshotter = snapshotter_of(snapshots, complete);
    pthread_mutex_unlock(&snapshots->mutex);
    return name_of(snapshotter);
}

const char *snapshots_offer(const Snapshots *snapshots, size_t i) {
    for (size_t j = 0; j < SNAPSHOT_DRIVERS; j++)
        if (snapshots->snapshotter[j].dir >= 0 && i-- == 0)
            return snapshots->snapshotter[j].driver->snapshotter;
    return NULL;
}

char *snapshots_key_of(Snapshots *snapshots, const char *snapshotter, const char *key) {
    for (size_t i = 0; i < SNAPSHOT_DRIVERS; i++) {
        const Snapshotter *found = &snapshots->snapshotter[i];
        if (text_equal(found->driver->snapshotter, snapshotter) && found->dir >= 0)
            return snapshotter_key(found, key);
    }
    return NULL;
}
