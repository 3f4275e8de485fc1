// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot/snapshot.h"

#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/snapshot/private.h"

typedef SnapshotRecord Record;
CLEANUP_DEFINE(Record, snapshot_record_free)

bool snapshot_exists(Snapshots *snapshots, const char *given) {
    pthread_mutex_lock(&snapshots->mutex);
    autofree char *key = snapshot_key(snapshots, given);
    bool exists = snapshot_find(snapshots, key);
    pthread_mutex_unlock(&snapshots->mutex);
    return exists;
}

int snapshot_add_record(Snapshots *snapshots, Record *given, Error *err) {
    autoptr(Record) record = given;
    autofree char *json = json_encode(&snapshot_record_type, record, 0);
    record->snapshotter = snapshotter_of(snapshots, record->key);
    TRY(store_put(snapshots->store, STORE_SNAPSHOT, record->key, json, err));
    array_append(snapshots->record, snapshots->n, take_ptr(&record));
    return 0;
}

uint64_t snapshot_take_number(Snapshots *snapshots) {
    pthread_mutex_lock(&snapshots->mutex);
    uint64_t number = snapshots->next++;
    pthread_mutex_unlock(&snapshots->mutex);
    return number;
}

int snapshot_list_stack(
    Snapshots *snapshots, const char *key, uint64_t **ret, size_t *ret_n, Error *err) {
    autofree uint64_t *number = NULL;
    size_t n = 0;
    for (const char *at = key; at; n++) {
        const Record *record = snapshot_find(snapshots, at);
        if (!record)
            return error_set(err, ERROR_NOT_FOUND, "no such snapshot: %s", snapshot_bare_key(at));
        number = memory_resize(number, n + 1, sizeof(*number));
        number[n] = record->number.value;
        at = record->parent;
    }
    *ret = take_ptr(&number);
    *ret_n = n;
    return 0;
}

/* The first of its trees, at most `limit`. */
static int open_trees(Snapshots *snapshots, const char *chain_id, size_t limit, int **ret_fds,
    size_t *ret_n, Error *err) {
    autofree uint64_t *number = NULL;
    size_t n = 0;
    pthread_mutex_lock(&snapshots->mutex);
    autofree char *key = snapshot_key(snapshots, chain_id);
    const Snapshotter *snapshotter = snapshotter_of(snapshots, key);
    int code = snapshot_list_stack(snapshots, key, &number, &n, err);
    pthread_mutex_unlock(&snapshots->mutex);
    TRY(code);
    TRY(snapshotter_check(snapshotter, err));
    limit = snapshotter->driver->whole ? 1 : limit < n ? limit : n;
    int *fds = new_array(int, limit);
    for (size_t i = 0; i < limit; i++) {
        const SnapshotStack stack = snapshotter_stack(snapshotter, number + i, n - i);
        code = snapshotter->driver->open_tree(&stack, &fds[i], err);
        if (code < 0) {
            while (i > 0)
                close(fds[--i]);
            free(fds);
            return code;
        }
    }
    *ret_fds = fds;
    *ret_n = limit;
    return 0;
}

int snapshot_open_trees(
    Snapshots *snapshots, const char *chain_id, int **ret_fds, size_t *ret_n, Error *err) {
    return open_trees(snapshots, chain_id, SIZE_MAX, ret_fds, ret_n, err);
}

int snapshot_open_own_tree(Snapshots *snapshots, const char *key, int *ret_fd, Error *err) {
    autofree int *fds = NULL;
    size_t n = 0;
    TRY(open_trees(snapshots, key, 1, &fds, &n, err));
    *ret_fd = fds[0];
    return 0;
}

static Record *make_record(const char *key, uint64_t number, const Record *like) {
    Record *record = new (Record);
    *record = (Record){
        .number = {true, number},
        .parent = text_copy(like->parent),
        .writable = like->writable,
        .view = like->view,
        .created = like->created,
        .updated = like->updated,
        .key = text_copy(key),
    };
    for (size_t i = 0; i < like->labels.n; i++)
        json_map_set(&record->labels, like->labels.key[i], like->labels.value[i]);
    return record;
}

static int make_directory(
    Snapshotter *snapshotter, const uint64_t *number, size_t n, bool writable, Error *err) {
    SnapshotStack stack = snapshotter_stack(snapshotter, number, n);
    autoclose int fd = -1;
    stack.writable = writable;
    TRY(snapshotter_check(snapshotter, err));
    int code = snapshotter->driver->prepare(&stack, &fd, err);
    if (code < 0) {
        Error ignored; /* swept at the next start */
        snapshotter_remove(snapshotter, number[0], &ignored);
    }
    return code;
}

static bool is_known(const Snapshots *snapshots, const char *key) {
    for (size_t i = 0; i < snapshots->making_n; i++)
        if (text_equal(snapshots->making[i]->key, key))
            return true;
    return snapshot_find(snapshots, key);
}

/* What stands in the list of those being made keeps its parent, so that the mutex need not be held
 * while a driver copies. */
static int make_unlocked(
    Snapshots *snapshots, Record *record, const uint64_t *number, size_t n, Error *err) {
    array_append(snapshots->making, snapshots->making_n, record);
    pthread_mutex_unlock(&snapshots->mutex);
    int code = make_directory(
        snapshotter_of(snapshots, record->key), number, n, record->writable.value, err);
    pthread_mutex_lock(&snapshots->mutex);
    for (size_t i = 0; i < snapshots->making_n; i++)
        if (snapshots->making[i] == record) {
            snapshots->making[i] = snapshots->making[--snapshots->making_n];
            break;
        }
    return code;
}

int snapshot_add(Snapshots *snapshots, const char *key, const Record *like, Error *err) {
    autofree uint64_t *parents = NULL;
    size_t n = 0;
    if (is_known(snapshots, key))
        return error_set(err, ERROR_EXISTS, "snapshot %s: already exists", snapshot_bare_key(key));
    if (like->parent)
        TRY(snapshot_list_stack(snapshots, like->parent, &parents, &n, err));
    autofree uint64_t *number = new_array(uint64_t, n + 1);
    if (n > 0)
        memcpy(number + 1, parents, n * sizeof(*number));
    number[0] = snapshots->next++;
    autoptr(Record) record = make_record(key, number[0], like);
    TRY(make_unlocked(snapshots, record, number, n + 1, err));
    return snapshot_add_record(snapshots, take_ptr(&record), err);
}

int snapshot_prepare(Snapshots *snapshots, const char *key, const char *parent, Error *err) {
    pthread_mutex_lock(&snapshots->mutex);
    autofree char *own = snapshotter_key(snapshots->own, key);
    autofree char *below = parent ? snapshotter_key(snapshots->own, parent) : NULL;
    const Record like = {.parent = below, .writable = {true, true}};
    int code = snapshot_add(snapshots, own, &like, err);
    pthread_mutex_unlock(&snapshots->mutex);
    return code;
}

int snapshot_mounts(Snapshots *snapshots, const char *given, SnapshotMount *ret, Error *err) {
    autofree uint64_t *number = NULL;
    size_t n = 0;
    pthread_mutex_lock(&snapshots->mutex);
    autofree char *key = snapshot_key(snapshots, given);
    const Snapshotter *snapshotter = snapshotter_of(snapshots, key);
    const Record *record = snapshot_find(snapshots, key);
    bool writable = record && record->writable.value;
    size_t own = record && record->view.value && record->parent; /* a view shows its parent */
    int code = snapshot_list_stack(snapshots, key, &number, &n, err);
    pthread_mutex_unlock(&snapshots->mutex);
    TRY(code);
    TRY(snapshotter_check(snapshotter, err));
    SnapshotStack stack = snapshotter_stack(snapshotter, number + own, n - own);
    stack.writable = writable;
    *ret = (SnapshotMount){};
    return snapshotter->driver->mount(&stack, ret, err);
}

void snapshot_mount_done(SnapshotMount *mount) {
    free(mount->type);
    free(mount->source);
    json_texts_done(&mount->options);
    *mount = (SnapshotMount){};
}

/* With the mutex held. First the record: from then on the directory is garbage. */
static int drop_record(Snapshots *snapshots, const char *key, uint64_t *ret_number, Error *err) {
    TRY(store_remove(snapshots->store, STORE_SNAPSHOT, key, err));
    for (size_t i = 0; i < snapshots->n; i++)
        if (text_equal(snapshots->record[i]->key, key)) {
            *ret_number = snapshots->record[i]->number.value;
            snapshot_record_free(snapshots->record[i]);
            /* order matters to nobody */
            snapshots->record[i] = snapshots->record[--snapshots->n];
            break;
        }
    return 0;
}

int snapshot_remove(Snapshots *snapshots, const char *given, Error *err) {
    uint64_t number = 0;
    int code = 0;
    pthread_mutex_lock(&snapshots->mutex);
    autofree char *key = snapshot_key(snapshots, given);
    const Record *record = snapshot_find(snapshots, key);
    Snapshotter *snapshotter = snapshotter_of(snapshots, key);
    bool writable = record && record->writable.value;
    if (record)
        code = snapshot_has_children(snapshots, key)
                   ? error_set(err, ERROR_STATE, "snapshot %s is in use", snapshot_bare_key(key))
                   : drop_record(snapshots, key, &number, err);
    pthread_mutex_unlock(&snapshots->mutex);
    TRY(code);
    if (number && writable)
        trash_add(snapshots->trash, snapshotter, number);
    return number && !writable ? snapshotter_remove(snapshotter, number, err) : 0;
}

int snapshot_usage(Snapshots *snapshots, const char *given, SnapshotUsage *ret, Error *err) {
    pthread_mutex_lock(&snapshots->mutex);
    autofree char *key = snapshot_key(snapshots, given);
    const Snapshotter *snapshotter = snapshotter_of(snapshots, key);
    const Record *record = snapshot_find(snapshots, key);
    bool writable = record && record->writable.value;
    uint64_t number = record ? record->number.value : 0;
    SnapshotUsage usage = {};
    if (record)
        usage = (SnapshotUsage){record->bytes.value, record->inodes.value};
    pthread_mutex_unlock(&snapshots->mutex);
    if (number == 0)
        return error_set(err, ERROR_NOT_FOUND, "no such snapshot: %s", given);
    if (writable) {
        autoclose int tree = -1;
        const SnapshotStack stack = snapshotter_stack(snapshotter, &number, 1);
        TRY(snapshotter_check(snapshotter, err));
        TRY(snapshotter->driver->open_tree(&stack, &tree, err));
        return snapshot_tree_usage(tree, ret, err);
    }
    *ret = usage;
    return 0;
}

int snapshot_chain_usage(
    Snapshots *snapshots, const char *chain_id, SnapshotUsage *ret, Error *err) {
    SnapshotUsage usage = {};
    int code = 0;
    pthread_mutex_lock(&snapshots->mutex);
    autofree char *key = snapshot_key(snapshots, chain_id);
    for (const char *at = key; at && code == 0;) {
        const Record *record = snapshot_find(snapshots, at);
        if (!record) {
            code = error_set(err, ERROR_NOT_FOUND, "no such snapshot: %s", snapshot_bare_key(at));
            break;
        }
        usage.bytes += record->bytes.value;
        usage.inodes += record->inodes.value;
        at = record->parent;
    }
    pthread_mutex_unlock(&snapshots->mutex);
    if (code == 0)
        *ret = usage;
    return code;
}

/* Layers under a driver that images have no use for any more go with the last container on them:
 * the image's blobs are kept. */
static bool is_kept(
    const Snapshots *snapshots, const Record *record, SnapshotKeep *keep, void *user) {
    const char *bare = snapshot_bare_key(record->key);
    return strchr(bare, '/') || (record->snapshotter == snapshots->own && keep(user, bare));
}

/* With the mutex held: one layer that nothing stands on and nobody wants. */
static char *find_garbage(const Snapshots *snapshots, SnapshotKeep *keep, void *user) {
    for (size_t i = 0; i < snapshots->n; i++) {
        const Record *record = snapshots->record[i];
        if (!record->writable.value && !record->view.value &&
            !snapshot_has_children(snapshots, record->key) &&
            !is_kept(snapshots, record, keep, user))
            return text_copy(record->key);
    }
    return NULL;
}

int snapshot_sweep(
    Snapshots *snapshots, SnapshotKeep *keep, void *user, JsonTexts *removed, Error *err) {
    for (;;) {
        uint64_t number = 0;
        pthread_mutex_lock(&snapshots->mutex);
        autofree char *key = find_garbage(snapshots, keep, user);
        int code = key ? drop_record(snapshots, key, &number, err) : 0;
        pthread_mutex_unlock(&snapshots->mutex);
        TRY(code);
        if (!key)
            return 0;
        TRY(snapshotter_remove(snapshotter_of(snapshots, key), number, err));
        if (removed)
            json_texts_add(removed, snapshot_bare_key(key));
    }
}
