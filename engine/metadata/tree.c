// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/metadata/check.h"
#include "engine/metadata/lease.h"

static bool is_own(const char *key) {
    return !strchr(key, '/');
}

/* The snapshot's key among all: the namespace's own, and what there may be besides. */
static char *complete(const Trees *trees, const char *key) {
    char *found = snapshots_key_of(trees->snapshots, trees->snapshotter, key);
    return found ? found : text_copy(key); /* one that is not offered has no snapshots */
}

static char *named(const Trees *trees, const char *space, const char *name) {
    autofree char *key = text_format("%s/%s", space, name);
    return complete(trees, key);
}

static char *key_of(const Trees *trees, const char *space, const char *name) {
    autofree char *key = named(trees, space, name), *own = complete(trees, name);
    bool is = text_equal(space, METADATA_OWN_SPACE) && is_own(name) &&
              !snapshot_exists(trees->snapshots, key) && snapshot_exists(trees->snapshots, own);
    return is ? take_ptr(&own) : take_ptr(&key);
}

static int hold(
    const Trees *trees, const char *space, const char *lease, const char *name, Error *err) {
    autofree char *type = text_format("snapshots/%s", trees->snapshotter);
    return lease_add(trees->metadata, space, lease, type, name, err);
}

static int missing(int code, const char *name, Error *err) {
    return code == ERROR_NOT_FOUND
               ? error_set(err, code, "snapshot %s does not exist: not found", name)
               : code;
}

static int check_foreign(const char *key, Error *err) {
    if (is_own(key))
        return error_set(err, ERROR_STATE,
            "snapshot %s belongs to an image or a container: failed precondition", key);
    return 0;
}

/* Each in the namespace's own names. */
static int refused(int code, const SnapshotInfo *like, Error *err) {
    switch (code) {
    case ERROR_EXISTS:
        return error_set(err, code, "snapshot \"%s\": already exists", like->key);
    case ERROR_NOT_FOUND:
        return error_set(err, code, "parent snapshot %s does not exist: not found", like->parent);
    case ERROR_STATE:
        return error_set(err, ERROR_INVALID,
            "parent \"%s\" is not committed snapshot: invalid argument", like->parent);
    default:
        return code;
    }
}

int tree_make(const Trees *trees, const char *space, const char *lease, const SnapshotInfo *like,
    Error *err) {
    TRY(check_name("key", like->key, err));
    TRY(check_labels(&like->labels, err));
    autofree char *key = named(trees, space, like->key);
    autofree char *parent = text_is_empty(like->parent) ? NULL : key_of(trees, space, like->parent);
    SnapshotInfo made = *like;
    made.key = key;
    made.parent = parent;
    TRY(hold(trees, space, lease, like->key, err));
    TRY(metadata_make_space(trees->metadata, space, err));
    return refused(snapshot_make(trees->snapshots, &made, err), like, err);
}

int tree_commit(const Trees *trees, const char *space, const char *lease, const char *active,
    const SnapshotInfo *like, Error *err) {
    TRY(check_name("name", like->key, err));
    TRY(check_labels(&like->labels, err));
    autofree char *key = named(trees, space, active), *name = named(trees, space, like->key);
    if (snapshot_exists(trees->snapshots, name))
        return error_set(err, ERROR_EXISTS, "snapshot \"%s\": already exists", like->key);
    TRY(hold(trees, space, lease, like->key, err));
    int code = snapshot_commit(trees->snapshots, key, name, &like->labels, err);
    if (code == ERROR_STATE)
        error_set(err, code, "snapshot %s is not active: failed precondition", active);
    return missing(code, active, err);
}

int tree_mounts(
    const Trees *trees, const char *space, const char *name, SnapshotMount *ret, Error *err) {
    autofree char *key = key_of(trees, space, name);
    return missing(snapshot_mounts(trees->snapshots, key, ret, err), name, err);
}

/* Names as the namespace knows them. */
static void strip(const Trees *trees, SnapshotInfo *info, const char *space) {
    autofree char *own = complete(trees, ""), *prefix = named(trees, space, "");
    char **names[] = {&info->key, &info->parent};
    for (size_t i = 0; i < array_size(names); i++) {
        if (!*names[i])
            continue;
        const char *skip = text_starts(*names[i], prefix) ? prefix : own;
        if (text_starts(*names[i], skip))
            memmove(*names[i], *names[i] + strlen(skip), strlen(*names[i] + strlen(skip)) + 1);
    }
}

int tree_stat(
    const Trees *trees, const char *space, const char *name, SnapshotInfo *ret, Error *err) {
    autofree char *key = key_of(trees, space, name);
    TRY(missing(snapshot_stat(trees->snapshots, key, ret, err), name, err));
    strip(trees, ret, space);
    return 0;
}

int tree_label(
    const Trees *trees, const char *space, const char *name, const JsonMap *labels, Error *err) {
    autofree char *key = key_of(trees, space, name);
    TRY(check_labels(labels, err));
    TRY(check_foreign(key, err));
    return missing(snapshot_label(trees->snapshots, key, labels, err), name, err);
}

int tree_usage(
    const Trees *trees, const char *space, const char *name, SnapshotUsage *ret, Error *err) {
    autofree char *key = key_of(trees, space, name);
    return missing(snapshot_usage(trees->snapshots, key, ret, err), name, err);
}

int tree_remove(const Trees *trees, const char *space, const char *name, Error *err) {
    autofree char *key = key_of(trees, space, name);
    TRY(check_foreign(key, err));
    if (!snapshot_exists(trees->snapshots, key))
        return missing(ERROR_NOT_FOUND, name, err);
    int code = snapshot_remove(trees->snapshots, key, err);
    if (code == ERROR_STATE)
        error_set(
            err, code, "cannot remove snapshot \"%s\": it has children: failed precondition", name);
    return code;
}

void tree_list(const Trees *trees, const char *space, SnapshotInfos *ret) {
    autofree char *prefix = named(trees, space, ""), *all_own = complete(trees, "");
    bool own = text_equal(space, METADATA_OWN_SPACE);
    SnapshotInfos all;
    snapshot_list(trees->snapshots, &all);
    *ret = (SnapshotInfos){.item = all.item};
    for (size_t i = 0; i < all.n; i++) {
        SnapshotInfo *info = &all.item[i];
        bool wanted = text_starts(info->key, prefix) ||
                      (own && is_own(info->key) && text_starts(info->key, all_own) &&
                          !strchr(info->key + strlen(all_own), '!'));
        if (wanted) {
            strip(trees, info, space);
            ret->item[ret->n++] = *info;
        } else {
            snapshot_info_done(info);
        }
    }
}
