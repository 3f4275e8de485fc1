// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

/* The only door to SQLite: ROOT/tare.db, records as JSON text by table and key, readable with
 * sqlite3(1). One connection, one mutex; any thread. A call is one transaction: after kill -9 it
 * happened whole or not at all. WAL with synchronous=NORMAL: a power cut may lose the last
 * transactions before it, never their order and never the database. */
typedef struct Store Store;

typedef enum StoreTable {
    STORE_CONTAINER,
    STORE_IMAGE,     /* engine/image: by image id */
    STORE_REFERENCE, /* engine/image: by canonical reference */
    STORE_LEASE,     /* engine/image: pulls under way */
    STORE_SNAPSHOT,  /* engine/snapshot */
    STORE_NETWORK,
    STORE_META,
    STORE_METADATA, /* engine/metadata: by "kind/namespace/name" */
    STORE_VOLUME,   /* engine/volume: by name */
    STORE_TABLES,
} StoreTable;

typedef struct StoreRecord {
    char *key, *value;
} StoreRecord;
typedef struct StoreRecords {
    size_t n;
    StoreRecord *item; /* sorted by key */
} StoreRecords;

/* A row of a transaction: value NULL removes the record. */
typedef struct StoreChange {
    StoreTable table;
    const char *key, *value;
} StoreChange;

/* Makes the database (0600) if it is new; ERROR_STATE when a newer tared wrote it. */
int store_open(const char *root, Store **ret, Error *err);
void store_close(Store *store);
CLEANUP_DEFINE(Store, store_close)

int store_put(Store *store, StoreTable table, const char *key, const char *value, Error *err);
int store_remove(
    Store *store, StoreTable table, const char *key, Error *err); /* absence is success */

/* All rows or none. */
int store_apply(Store *store, const StoreChange *changes, size_t n, Error *err);

/* ERROR_NOT_FOUND. *ret is the caller's. */
int store_get(Store *store, StoreTable table, const char *key, char **ret, Error *err);

int store_list(Store *store, StoreTable table, StoreRecords *ret, Error *err);
void store_records_done(StoreRecords *records);
CLEANUP_DEFINE_DONE(StoreRecords, store_records_done)
