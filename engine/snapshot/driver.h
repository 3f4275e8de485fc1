// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/snapshot/snapshot.h"

/* How snapshots lie on disk; snapshot.c keeps the records and calls with numbers that it chose. A
 * driver has no memory of its own: what is on disk and what it is told is all it knows. Directory
 * N of a driver is private to it, but its name is the number, so that a sweep finds it.
 *
 * A layer is always filled as overlayfs wants it: what differs from the layers below, with
 * whiteouts, so that all layers can be unpacked at once. Where trees are whole, finishing merges
 * that into a copy of the tree below (merge.h). */
typedef struct SnapshotStack {
    const char *path;       /* the driver's directory, absolute */
    int dir;                /* the same, open */
    const uint64_t *number; /* top first */
    size_t n;
    bool writable; /* number[0] is a writable snapshot */
} SnapshotStack;

typedef struct SnapshotDriver {
    const char *name;        /* of its directory, in settings, and before keys of its snapshots */
    const char *snapshotter; /* containerd's name of it */
    bool whole;              /* a tree holds all that is seen, not only what differs */

    /* Can it work in this directory (ROOT/snapshots)? Before any other call. */
    int (*set_up)(const char *path, int dir, Error *err);

    /* Makes directory number[0]; *ret_fd is its tree: empty, or, where trees are whole and it is
     * writable, a copy of number[1]'s. A writable one gets that one's owner and mode. */
    int (*prepare)(const SnapshotStack *stack, int *ret_fd, Error *err);

    /* number[0]'s tree will not change any more; until its record says so, it is as it was, too.
     * NULL: nothing to do. */
    int (*finish)(const SnapshotStack *stack, Error *err);

    /* The record says so: what finishing replaced goes. Again at each start. NULL: nothing. */
    int (*shed)(const SnapshotStack *stack, Error *err);

    int (*open_tree)(const SnapshotStack *stack, int *ret_fd, Error *err); /* number[0]'s */

    int (*mount)(const SnapshotStack *stack, SnapshotMount *ret, Error *err);

    /* Takes away what mount put in number[0]'s directory. NULL: nothing. */
    int (*unmount)(const SnapshotStack *stack, Error *err);

    /* Removes what unlink(2) cannot, or would take long for. NULL: nothing. */
    int (*release)(const SnapshotStack *stack, Error *err);

    /* Bounds what a writable snapshot's files may take. NULL: by the file system's projects. */
    int (*limit)(const SnapshotStack *stack, uint64_t bytes, Error *err);
} SnapshotDriver;

extern const SnapshotDriver snapshot_overlay, snapshot_native, snapshot_btrfs, snapshot_erofs;

/* Directory N and what is in it, by names such as "", "/fs", "/work"; N/fs is the tree. */
int snapshot_directory_make(const SnapshotStack *stack, const char *name, mode_t mode, Error *err);
int snapshot_directory_open(
    const SnapshotStack *stack, size_t i, const char *name, int *ret_fd, Error *err);
void snapshot_directory_path(const SnapshotStack *stack, size_t i, const char *name, Text *ret);

/* open_tree of who has nothing but N/fs. */
int snapshot_directory_tree(const SnapshotStack *stack, int *ret_fd, Error *err);

/* The mount of a tree that is whole. */
int snapshot_mount_bind(const SnapshotStack *stack, SnapshotMount *ret, Error *err);

/* An overlay of trees that lie in `lower` of their directories, below number[0]'s if writable. */
int snapshot_mount_overlay(
    const SnapshotStack *stack, const char *lower, SnapshotMount *ret, Error *err);

/* The root of the mount is the upper directory: it has to look like the image's. */
int snapshot_prepare_upper(const SnapshotStack *stack, int parent, int *ret_fd, Error *err);

/* Counts as du --apparent-size does: hard links once. */
int snapshot_tree_usage(int tree, SnapshotUsage *ret, Error *err);
