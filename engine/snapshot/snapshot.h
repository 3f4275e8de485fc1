// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/store/store.h"

/* Trees that containers run on: committed layers by chain id, and one writable snapshot per
 * container on top of them. Any thread. The life of one image and one container:
 *
 *     snapshot_layer_begin   a number and an empty directory, no record
 *     (engine/layer fills it)
 *     snapshot_layer_commit  the record: now it exists, under its chain id
 *     snapshot_prepare       a writable snapshot, key = container id, parent = chain id
 *     snapshot_mounts        what to mount; the shim mounts and unmounts
 *     snapshot_remove        container's first, then layers that nothing stands on
 *
 * A directory without a record is garbage: snapshots_open sweeps it. */
typedef struct Snapshots Snapshots;

typedef struct SnapshotMount {
    char *type, *source;
    JsonTexts options;
} SnapshotMount;

typedef struct SnapshotUsage {
    uint64_t bytes, inodes;
} SnapshotUsage;

typedef struct SnapshotLayer {
    uint64_t number;
    int fd; /* its tree; owned */
    struct Snapshotter *snapshotter;
} SnapshotLayer;

/* Opens ROOT/snapshots; images and containers use `driver`: "overlay", "native", "btrfs", "erofs".
 * The store is borrowed. */
int snapshots_open(const char *root, const char *driver, Store *store, Snapshots **ret, Error *err);
void snapshots_close(Snapshots *snapshots);
CLEANUP_DEFINE(Snapshots, snapshots_close)

const char *snapshots_driver(const Snapshots *snapshots);
const char *snapshot_driver_of(Snapshots *snapshots, const char *key); /* in Docker's words */

/* Waits until all layers are on the disk; by itself this happens soon after a commit. For an
 * orderly end: after a power cut, layers that were not do not exist. */
int snapshots_settle(Snapshots *snapshots, Error *err);

bool snapshot_exists(Snapshots *snapshots, const char *key);

int snapshot_layer_begin(Snapshots *snapshots, SnapshotLayer *ret, Error *err);
/* Takes the layer. A chain id that exists already keeps what it has: success. */
int snapshot_layer_commit(Snapshots *snapshots, SnapshotLayer *layer, const char *chain_id,
    const char *parent, SnapshotUsage usage, Error *err);
void snapshot_layer_abandon(Snapshots *snapshots, SnapshotLayer *layer);

/* A layer's trees, its own first, as descriptors that the caller closes; or its own alone. */
int snapshot_open_trees(
    Snapshots *snapshots, const char *chain_id, int **ret_fds, size_t *ret_n, Error *err);
int snapshot_open_own_tree(Snapshots *snapshots, const char *key, int *ret_fd, Error *err);

/* parent: chain id, or NULL for an empty tree. ERROR_EXISTS, ERROR_NOT_FOUND (parent). */
int snapshot_prepare(Snapshots *snapshots, const char *key, const char *parent, Error *err);

/* Bounds what the writable snapshot takes on the disk; before anybody writes. ERROR_UNSUPPORTED. */
int snapshot_limit(Snapshots *snapshots, const char *key, uint64_t bytes, Error *err);

/* One mount in practice: overlay, or bind for a snapshot without layers. ERROR_NOT_FOUND. */
int snapshot_mounts(Snapshots *snapshots, const char *key, SnapshotMount *ret, Error *err);
void snapshot_mount_done(SnapshotMount *mount);
CLEANUP_DEFINE_DONE(SnapshotMount, snapshot_mount_done)

/* The mounts must be gone. ERROR_STATE when others stand on it; absence is success. The files of a
 * writable one go in the background. */
int snapshot_remove(Snapshots *snapshots, const char *key, Error *err);

/* A layer's is recorded; a writable one's is counted now (as du does). ERROR_NOT_FOUND. */
int snapshot_usage(Snapshots *snapshots, const char *key, SnapshotUsage *ret, Error *err);

/* What all of it takes on the disk, in bytes, as du(1) counts. Layers' is recorded when they are
 * settled; what is written to, or not settled yet, is walked. */
typedef struct SnapshotDisk {
    uint64_t layers, containers; /* of images and containers */
    uint64_t clients;            /* engine/snapshot/named.h */
    uint64_t other;              /* being made or removed */
} SnapshotDisk;
int snapshots_disk(Snapshots *snapshots, SnapshotDisk *ret, Error *err);

/* Of one: its directory alone. ERROR_NOT_FOUND. */
int snapshot_disk(Snapshots *snapshots, const char *key, uint64_t *ret, Error *err);

/* Of a layer and all below it, as recorded. ERROR_NOT_FOUND. */
int snapshot_chain_usage(
    Snapshots *snapshots, const char *chain_id, SnapshotUsage *ret, Error *err);

/* Chain ids of committed layers that `keep` does not want and nothing stands on, leaves first, are
 * removed; their keys are appended to removed (may be NULL). */
typedef bool SnapshotKeep(void *user, const char *chain_id);
int snapshot_sweep(
    Snapshots *snapshots, SnapshotKeep *keep, void *user, JsonTexts *removed, Error *err);
