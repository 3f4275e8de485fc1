// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>

#include "engine/snapshot/driver.h"
#include "engine/snapshot/settle.h"
#include "engine/snapshot/trash.h"

/* Snapshots from inside; private to engine/snapshot. The records are in memory as well as in the
 * store, so readers ask no disk. Numbers are never used twice while the engine runs, and after a
 * restart only when record and directory are gone. The mutex guards the list; it is held over a
 * record's write, never over a tree's. */
typedef struct Snapshotter {
    const SnapshotDriver *driver;
    char *path;
    int dir; /* -1: it cannot work here, and this is why */
    Error why;
} Snapshotter;

enum {
    SNAPSHOT_DRIVERS = 4
};

typedef struct SnapshotRecord {
    JsonUint number;
    char *parent;
    JsonBool writable;
    JsonUint bytes, inodes;
    JsonUint disk;            /* what its directory takes; written once it is settled */
    JsonBool view;            /* read-only, on its parent */
    JsonInt created, updated; /* of named ones */
    JsonMap labels;
    char *boot; /* in which it was made; NULL: its files are on the disk (settle.h) */
    char *key;  /* the store's key, not in the JSON; nor is its driver, whose name it begins with */
    Snapshotter *snapshotter;
} SnapshotRecord;

extern const JsonType snapshot_record_type;
void snapshot_record_free(SnapshotRecord *record);

struct Snapshots {
    pthread_mutex_t mutex;
    Snapshotter snapshotter[SNAPSHOT_DRIVERS];
    Snapshotter *own; /* of images and containers */
    Store *store;
    Trash *trash;
    Settler *settler;
    char *boot; /* this one's id */
    SnapshotRecord **record;
    size_t n;
    uint64_t next;
    SnapshotRecord **making; /* being prepared without the mutex: their parents stay */
    size_t making_n;
};

/* Keys are "KEY" under overlay and "DRIVER!KEY" under others: several snapshotters may have equal
 * ones. Images and containers say KEY and mean their own driver's; containers that were made under
 * another one are found there. With the mutex held; the result is the caller's. */
char *snapshot_key(const Snapshots *snapshots, const char *key);
const char *snapshot_bare_key(const char *key);

/* With the mutex held; NULL: none. The key is complete. */
SnapshotRecord *snapshot_find(const Snapshots *snapshots, const char *key);
bool snapshot_has_children(const Snapshots *snapshots, const char *key);
uint64_t snapshot_take_number(Snapshots *snapshots); /* without the mutex */

/* With the mutex held: numbers of a snapshot and all below it, topmost first; *ret is the caller's.
 */
int snapshot_list_stack(
    Snapshots *snapshots, const char *key, uint64_t **ret, size_t *ret_n, Error *err);

/* With the mutex held, which is let go while the directory is made: the record, whose other fields
 * `like` gives. */
int snapshot_add(Snapshots *snapshots, const char *key, const SnapshotRecord *like, Error *err);
int snapshot_add_record(Snapshots *snapshots, SnapshotRecord *record, Error *err); /* takes it */

/* The snapshotter that a complete key names, and the directory of one of its numbers. */
Snapshotter *snapshotter_of(Snapshots *snapshots, const char *key);
char *snapshotter_key(const Snapshotter *snapshotter, const char *key);
int snapshotter_check(const Snapshotter *snapshotter, Error *err);
SnapshotStack snapshotter_stack(const Snapshotter *snapshotter, const uint64_t *number, size_t n);
int snapshotter_remove(const Snapshotter *snapshotter, uint64_t number, Error *err);
int snapshotters_open(Snapshots *snapshots, const char *root, const char *own, Error *err);
void snapshotters_close(Snapshots *snapshots);

/* Of any driver: what snapshot_layer_begin does of the own one. */
int snapshot_stage(Snapshots *snapshots, Snapshotter *snapshotter, SnapshotLayer *ret, Error *err);
