// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/snapshot/snapshot.h"

/* How snapshots lie on disk; snapshot.c keeps the records and calls with numbers that it chose. A
 * driver has no memory of its own: what is on disk and what it is told is all it knows. Directory
 * N of a driver is private to it, but its name is the number, so that a sweep needs no driver. */
typedef struct SnapshotStack {
    const char *path;       /* the driver's directory, absolute */
    int dir;                /* the same, open */
    const uint64_t *number; /* top first */
    size_t n;
    bool writable; /* number[0] is a writable snapshot */
} SnapshotStack;

typedef struct SnapshotDriver {
    const char *name;

    /* Can this file system carry the driver? */
    int (*set_up)(const char *path, int dir, Error *err);

    /* Makes directory number[0]; *ret_fd is its empty tree. A writable one gets the owner and mode
     * of the tree that it stands on. A driver that copies would fill it in here. */
    int (*prepare)(const SnapshotStack *stack, int *ret_fd, Error *err);

    int (*open_tree)(int dir, uint64_t number, int *ret_fd, Error *err);

    int (*mount)(const SnapshotStack *stack, SnapshotMount *ret, Error *err);
} SnapshotDriver;

extern const SnapshotDriver snapshot_overlay;

/* Counts as du --apparent-size does: hard links once. */
int snapshot_tree_usage(int tree, SnapshotUsage *ret, Error *err);
