// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot/named.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/snapshot/merge.h"
#include "engine/snapshot/private.h"

static void copy_labels(JsonMap *to, const JsonMap *from) {
    for (size_t i = 0; i < from->n; i++)
        json_map_set(to, from->key[i], from->value[i]);
}

static SnapshotInfo info_of(const SnapshotRecord *record) {
    SnapshotInfo info = {
        .key = text_copy(record->key),
        .parent = text_copy(record->parent),
        .kind = record->view.value       ? SNAPSHOT_VIEW
                : record->writable.value ? SNAPSHOT_ACTIVE
                                         : SNAPSHOT_COMMITTED,
        .created = record->created.value,
        .updated = record->updated.value,
    };
    copy_labels(&info.labels, &record->labels);
    return info;
}

void snapshot_info_done(SnapshotInfo *info) {
    free(info->key);
    free(info->parent);
    json_map_done(&info->labels);
    *info = (SnapshotInfo){};
}

void snapshot_infos_done(SnapshotInfos *infos) {
    for (size_t i = 0; i < infos->n; i++)
        snapshot_info_done(&infos->item[i]);
    free(infos->item);
    *infos = (SnapshotInfos){};
}

static int missing(const char *key, Error *err) {
    return error_set(
        err, ERROR_NOT_FOUND, "snapshot %s does not exist: not found", snapshot_bare_key(key));
}

static int make_locked(Snapshots *snapshots, const SnapshotInfo *like, Error *err) {
    autofree char *below = like->parent ? snapshot_key(snapshots, like->parent) : NULL;
    const SnapshotRecord *parent = below ? snapshot_find(snapshots, below) : NULL;
    if (parent && parent->snapshotter != snapshotter_of(snapshots, like->key))
        parent = NULL; /* each snapshotter has a world of its own */
    if (like->parent && !parent)
        return error_set(err, ERROR_NOT_FOUND, "parent snapshot %s does not exist: not found",
            snapshot_bare_key(like->parent));
    if (parent && (parent->writable.value || parent->view.value))
        return error_set(err, ERROR_STATE,
            "parent snapshot %s is not committed: failed precondition", like->parent);
    const JsonInt now = {true, time_now()};
    const SnapshotRecord record = {
        .parent = below,
        .writable = {true, like->kind == SNAPSHOT_ACTIVE},
        .view = {like->kind == SNAPSHOT_VIEW, like->kind == SNAPSHOT_VIEW},
        .created = now,
        .updated = now,
        .labels = like->labels,
    };
    return snapshot_add(snapshots, like->key, &record, err);
}

int snapshot_make(Snapshots *snapshots, const SnapshotInfo *like, Error *err) {
    pthread_mutex_lock(&snapshots->mutex);
    int code = make_locked(snapshots, like, err);
    pthread_mutex_unlock(&snapshots->mutex);
    return code;
}

/* The record as it will be; the old one stays until the store has it. */
static int rename_locked(Snapshots *snapshots, SnapshotRecord *record, const char *name,
    SnapshotUsage usage, const JsonMap *labels, Error *err) {
    SnapshotRecord committed = {
        .number = record->number,
        .parent = record->parent,
        .writable = {true, false},
        .bytes = {true, usage.bytes},
        .inodes = {true, usage.inodes},
        .created = {true, time_now()},
        .labels = *labels,
        .boot = snapshots->boot,
    };
    record->disk = (JsonUint){};
    committed.updated = committed.created;
    autofree char *json = json_encode(&snapshot_record_type, &committed, 0);
    const StoreChange changes[] = {
        {STORE_SNAPSHOT, record->key, NULL}, {STORE_SNAPSHOT, name, json}};
    TRY(store_apply(snapshots->store, changes, array_size(changes), err));
    record->writable = committed.writable;
    record->bytes = committed.bytes;
    record->inodes = committed.inodes;
    record->created = record->updated = committed.created;
    free(record->boot);
    record->boot = text_copy(snapshots->boot);
    settler_wake(snapshots->settler);
    json_map_done(&record->labels);
    copy_labels(&record->labels, labels);
    free(record->key);
    record->key = text_copy(name);
    return 0;
}

static int commit_locked(Snapshots *snapshots, const char *key, const char *name,
    SnapshotUsage usage, const JsonMap *labels, Error *err) {
    SnapshotRecord *record = snapshot_find(snapshots, key);
    if (!record)
        return missing(key, err);
    if (snapshot_find(snapshots, name))
        return error_set(err, ERROR_EXISTS, "snapshot %s: already exists", name);
    if (!record->writable.value)
        return error_set(err, ERROR_STATE, "snapshot %s is not active: failed precondition", key);
    return rename_locked(snapshots, record, name, usage, labels, err);
}

/* What the driver does about it before and after the record. */
static int tell_driver(Snapshots *snapshots, const char *key,
    int (*act)(const SnapshotStack *stack, Error *err), Error *err) {
    autofree uint64_t *number = NULL;
    size_t n = 0;
    if (!act)
        return 0;
    const Snapshotter *snapshotter = snapshotter_of(snapshots, key);
    pthread_mutex_lock(&snapshots->mutex);
    int code = snapshot_list_stack(snapshots, key, &number, &n, err);
    pthread_mutex_unlock(&snapshots->mutex);
    TRY(code);
    const SnapshotStack stack = snapshotter_stack(snapshotter, number, n);
    return act(&stack, err);
}

int snapshot_commit(
    Snapshots *snapshots, const char *key, const char *name, const JsonMap *labels, Error *err) {
    SnapshotUsage usage;
    const Snapshotter *snapshotter = snapshotter_of(snapshots, key);
    TRY(snapshot_usage(snapshots, key, &usage, err));
    TRY(tell_driver(snapshots, key, snapshotter->driver->finish, err));
    pthread_mutex_lock(&snapshots->mutex);
    int code = commit_locked(snapshots, key, name, usage, labels, err);
    pthread_mutex_unlock(&snapshots->mutex);
    TRY(code);
    return tell_driver(snapshots, name, snapshotter->driver->shed, err);
}

int snapshot_stat(Snapshots *snapshots, const char *given, SnapshotInfo *ret, Error *err) {
    pthread_mutex_lock(&snapshots->mutex);
    autofree char *key = snapshot_key(snapshots, given);
    const SnapshotRecord *record = snapshot_find(snapshots, key);
    if (record)
        *ret = info_of(record);
    pthread_mutex_unlock(&snapshots->mutex);
    return record ? 0 : missing(key, err);
}

static int label_locked(
    Snapshots *snapshots, SnapshotRecord *record, const JsonMap *labels, Error *err) {
    SnapshotRecord changed = *record;
    changed.labels = *labels;
    changed.updated = (JsonInt){true, time_now()};
    autofree char *json = json_encode(&snapshot_record_type, &changed, 0);
    TRY(store_put(snapshots->store, STORE_SNAPSHOT, record->key, json, err));
    record->updated = changed.updated;
    json_map_done(&record->labels);
    copy_labels(&record->labels, labels);
    return 0;
}

int snapshot_label(Snapshots *snapshots, const char *key, const JsonMap *labels, Error *err) {
    pthread_mutex_lock(&snapshots->mutex);
    SnapshotRecord *record = snapshot_find(snapshots, key);
    int code = record ? label_locked(snapshots, record, labels, err) : missing(key, err);
    pthread_mutex_unlock(&snapshots->mutex);
    return code;
}

static int compare_keys(const void *a, const void *b) {
    return strcmp(((const SnapshotInfo *)a)->key, ((const SnapshotInfo *)b)->key);
}

void snapshot_list(Snapshots *snapshots, SnapshotInfos *ret) {
    *ret = (SnapshotInfos){};
    pthread_mutex_lock(&snapshots->mutex);
    ret->item = new_array(SnapshotInfo, snapshots->n + 1);
    for (size_t i = 0; i < snapshots->n; i++)
        ret->item[ret->n++] = info_of(snapshots->record[i]);
    pthread_mutex_unlock(&snapshots->mutex);
    if (ret->n > 1)
        qsort(ret->item, ret->n, sizeof(*ret->item), compare_keys);
}

static bool same_mount(const SnapshotMount *a, const SnapshotMount *b) {
    bool same = text_equal(a->type, b->type) && text_equal(a->source, b->source) &&
                a->options.n == b->options.n;
    for (size_t i = 0; same && i < a->options.n; i++)
        same = text_equal(a->options.item[i], b->options.item[i]);
    return same;
}

/* The number in the first path of ours that a mount names: its upper directory, else its source or
 * topmost lower one. */
static bool find_number(Snapshots *snapshots, const SnapshotMount *mount, uint64_t *ret) {
    static const char *const names[] = {"upperdir=", "lowerdir="};
    const char *path = mount->source ? mount->source : "";
    for (size_t i = array_size(names); i-- > 0;)
        for (size_t j = 0; j < mount->options.n; j++)
            if (text_starts(mount->options.item[j], names[i]))
                path = mount->options.item[j] + strlen(names[i]);
    for (size_t i = 0; i < SNAPSHOT_DRIVERS; i++) {
        const char *directory = snapshots->snapshotter[i].path;
        size_t n = directory ? strlen(directory) : 0;
        if (n == 0 || strncmp(path, directory, n) != 0 || path[n] != '/')
            continue;
        *ret = strtoull(path + n + 1, NULL, 10);
        return true;
    }
    return false;
}

static char *find_key(Snapshots *snapshots, uint64_t number) {
    char *key = NULL;
    pthread_mutex_lock(&snapshots->mutex);
    for (size_t i = 0; !key && i < snapshots->n; i++)
        if (snapshots->record[i]->number.value == number)
            key = text_copy(snapshots->record[i]->key);
    pthread_mutex_unlock(&snapshots->mutex);
    return key;
}

/* The snapshot that these mounts are of, word by word: nothing that a client says becomes a path.
 */
static char *find_mounted(Snapshots *snapshots, const SnapshotMount *mount) {
    uint64_t number;
    autofree char *key =
        find_number(snapshots, mount, &number) ? find_key(snapshots, number) : NULL;
    autodone(SnapshotMount) own = {};
    Error gone;
    bool same = key && snapshot_mounts(snapshots, key, &own, &gone) == 0 && same_mount(&own, mount);
    return same ? take_ptr(&key) : NULL;
}

int snapshot_trees_open(
    Snapshots *snapshots, const SnapshotMount *mount, SnapshotTrees *ret, Error *err) {
    autofree char *key = find_mounted(snapshots, mount);
    int *tree;
    size_t n;
    if (!key)
        return error_set(err, ERROR_UNSUPPORTED,
            "mount '%s' is of none of this engine's snapshots: not implemented",
            mount->source ? mount->source : "");
    TRY(snapshot_open_trees(snapshots, key, &tree, &n, err));
    *ret = (SnapshotTrees){.tree = tree[0],
        .parent = tree,
        .parents = n - 1,
        .whole = snapshotter_of(snapshots, key)->driver->whole,
        .stage = {.fd = -1}};
    memmove(tree, tree + 1, (n - 1) * sizeof(*tree));
    return 0;
}

/* What is in the snapshot so far comes from what it stands on: it is the one parent. */
int snapshot_trees_fill(
    Snapshots *snapshots, const SnapshotMount *mount, SnapshotTrees *ret, Error *err) {
    autodone(SnapshotTrees) trees = {};
    TRY(snapshot_trees_open(snapshots, mount, &trees, err));
    if (trees.whole) {
        autofree char *key = find_mounted(snapshots, mount);
        if (!key)
            return error_set(err, ERROR_NOT_FOUND, "the snapshot has been removed");
        TRY(snapshot_stage(snapshots, snapshotter_of(snapshots, key), &trees.stage, err));
        trees.parent[0] = trees.tree;
        trees.parents = 1;
        trees.tree = trees.stage.fd;
    }
    *ret = trees;
    trees = (SnapshotTrees){};
    return 0;
}

int snapshot_trees_filled(Snapshots *snapshots, SnapshotTrees *trees, Error *err) {
    if (!trees->whole)
        return 0;
    int code = merge_layer(trees->tree, trees->parent[0], err);
    trees->tree = -1; /* the stage's */
    snapshot_layer_abandon(snapshots, &trees->stage);
    return code;
}

void snapshot_trees_done(SnapshotTrees *trees) {
    Error ignored;
    if (!trees->parent)
        return;
    if (trees->tree >= 0)
        close(trees->tree);
    if (trees->stage.snapshotter && trees->stage.fd >= 0) /* closed with the tree */
        snapshotter_remove(trees->stage.snapshotter, trees->stage.number, &ignored);
    for (size_t i = 0; i < trees->parents; i++)
        close(trees->parent[i]);
    free(trees->parent);
    *trees = (SnapshotTrees){};
}
