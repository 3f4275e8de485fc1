// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/snapshot/snapshot.h"

/* Snapshots that clients name, label and stack themselves, as containerd's snapshotters offer them:
 *
 *     make (active) ─► write to its mounts ─► commit under another name ─► make on top of it, …
 *
 * They lie among the engine's own; removing, mounting and usage are the same for all. Their keys
 * hold a '/', and no sweep takes them. */

/* The name of the i-th snapshotter that works here; NULL: there are no more. */
const char *snapshots_offer(const Snapshots *snapshots, size_t i);

/* A key of one of them, as all functions take it; NULL: no such snapshotter. New. */
char *snapshots_key_of(Snapshots *snapshots, const char *snapshotter, const char *key);

typedef enum SnapshotKind {
    SNAPSHOT_VIEW = 1,
    SNAPSHOT_ACTIVE = 2,
    SNAPSHOT_COMMITTED = 3,
} SnapshotKind;

typedef struct SnapshotInfo {
    char *key, *parent; /* parent NULL: none */
    SnapshotKind kind;
    int64_t created, updated; /* 0: unknown */
    JsonMap labels;
} SnapshotInfo;
void snapshot_info_done(SnapshotInfo *info);
CLEANUP_DEFINE_DONE(SnapshotInfo, snapshot_info_done)

typedef struct SnapshotInfos {
    size_t n;
    SnapshotInfo *item;
} SnapshotInfos;
void snapshot_infos_done(SnapshotInfos *infos);
CLEANUP_DEFINE_DONE(SnapshotInfos, snapshot_infos_done)

/* kind: view or active; parent must be committed. ERROR_EXISTS, ERROR_NOT_FOUND, ERROR_STATE. */
int snapshot_make(Snapshots *snapshots, const SnapshotInfo *like, Error *err);

/* The active snapshot `key` becomes the committed one `name`. */
int snapshot_commit(
    Snapshots *snapshots, const char *key, const char *name, const JsonMap *labels, Error *err);

int snapshot_stat(Snapshots *snapshots, const char *key, SnapshotInfo *ret, Error *err);
int snapshot_label(Snapshots *snapshots, const char *key, const JsonMap *labels, Error *err);
void snapshot_list(Snapshots *snapshots, SnapshotInfos *ret); /* sorted by key */

/* The tree that mounts of ours write to, and those that it stands on (topmost first). */
typedef struct SnapshotTrees {
    int tree;
    int *parent;
    size_t parents;
    bool whole;          /* trees hold all that is seen, not only what differs */
    SnapshotLayer stage; /* of snapshot_trees_fill */
} SnapshotTrees;
int snapshot_trees_open(
    Snapshots *snapshots, const SnapshotMount *mount, SnapshotTrees *ret, Error *err);

/* The same to unpack a layer: where trees are whole, `tree` is an empty one beside it, whose
 * contents snapshot_trees_filled takes into the snapshot. */
int snapshot_trees_fill(
    Snapshots *snapshots, const SnapshotMount *mount, SnapshotTrees *ret, Error *err);
int snapshot_trees_filled(Snapshots *snapshots, SnapshotTrees *trees, Error *err);

void snapshot_trees_done(SnapshotTrees *trees);
CLEANUP_DEFINE_DONE(SnapshotTrees, snapshot_trees_done)
