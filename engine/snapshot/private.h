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
typedef struct SnapshotRecord {
    JsonUint number;
    char *parent;
    JsonBool writable;
    JsonUint bytes, inodes;
    JsonBool view;            /* read-only, on its parent */
    JsonInt created, updated; /* of named ones */
    JsonMap labels;
    char *boot; /* in which it was made; NULL: its files are on the disk (settle.h) */
    char *key;  /* the store's key, not in the JSON */
} SnapshotRecord;

extern const JsonType snapshot_record_type;
void snapshot_record_free(SnapshotRecord *record);

struct Snapshots {
    pthread_mutex_t mutex;
    const SnapshotDriver *driver;
    Store *store;
    char *path;
    int dir;
    Trash *trash;
    Settler *settler;
    char *boot; /* this one's id */
    SnapshotRecord **record;
    size_t n;
    uint64_t next;
};

/* With the mutex held; NULL: none. */
SnapshotRecord *snapshot_find(const Snapshots *snapshots, const char *key);

/* With the mutex held: makes the directory and the record, whose other fields `like` gives. */
int snapshot_add(Snapshots *snapshots, const char *key, const SnapshotRecord *like, Error *err);
