// SPDX-License-Identifier: Apache-2.0
#include "engine/store/store.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"

enum {
    SCHEMA_VERSION = 3
};

static const char *const table_names[] = {
    [STORE_CONTAINER] = "container",
    [STORE_IMAGE] = "image",
    [STORE_REFERENCE] = "reference",
    [STORE_LEASE] = "lease",
    [STORE_SNAPSHOT] = "snapshot",
    [STORE_NETWORK] = "network",
    [STORE_META] = "meta",
    [STORE_METADATA] = "metadata",
    [STORE_VOLUME] = "volume",
};
_Static_assert(array_size(table_names) == STORE_TABLES, "a name for each table");

typedef enum Query {
    QUERY_PUT,
    QUERY_REMOVE,
    QUERY_GET,
    QUERY_LIST,
    QUERIES
} Query;
static const char *const query_texts[] = {
    [QUERY_PUT] = ("INSERT INTO %s(key, value) VALUES(?1, ?2)"
                   " ON CONFLICT(key) DO UPDATE SET value = excluded.value"),
    [QUERY_REMOVE] = "DELETE FROM %s WHERE key = ?1",
    [QUERY_GET] = "SELECT value FROM %s WHERE key = ?1",
    [QUERY_LIST] = "SELECT key, value FROM %s ORDER BY key",
};
_Static_assert(array_size(query_texts) == QUERIES, "a text for each query");

struct Store {
    pthread_mutex_t mutex;
    sqlite3 *db;
    sqlite3_stmt *statement[STORE_TABLES][QUERIES];
    char *path;
};

static int fail(Store *store, const char *act, Error *err) {
    int code = sqlite3_errcode(store->db) & 0xff;
    switch (code) {
    case SQLITE_FULL:
        return error_set(
            err, ERROR_EXHAUSTED, "cannot %s '%s': no space left on device", act, store->path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return error_set(
            err, ERROR_CORRUPT, "cannot %s '%s': %s", act, store->path, sqlite3_errmsg(store->db));
    case SQLITE_BUSY:
        return error_set(
            err, ERROR_STATE, "cannot %s '%s': another program holds it", act, store->path);
    default:
        return error_set(
            err, ERROR_INTERNAL, "cannot %s '%s': %s", act, store->path, sqlite3_errmsg(store->db));
    }
}

static int run(Store *store, const char *sql, const char *act, Error *err) {
    if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fail(store, act, err);
    return 0;
}

static int read_version(Store *store, int *ret, Error *err) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &statement, NULL) != SQLITE_OK)
        return fail(store, "open", err);
    int result = sqlite3_step(statement);
    *ret = result == SQLITE_ROW ? sqlite3_column_int(statement, 0) : 0;
    sqlite3_finalize(statement);
    return result == SQLITE_ROW ? 0 : fail(store, "read", err);
}

static int make_schema(Store *store, Error *err) {
    autodone(Text) sql = {};
    text_append(&sql, "BEGIN IMMEDIATE;");
    for (size_t i = 0; i < STORE_TABLES; i++)
        text_append_format(&sql,
            "CREATE TABLE IF NOT EXISTS %s(key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)"
            " WITHOUT ROWID;",
            table_names[i]);
    text_append_format(&sql, "PRAGMA user_version = %d; COMMIT", SCHEMA_VERSION);
    return run(store, sql.data, "set up", err);
}

static int prepare(Store *store, Error *err) {
    for (size_t i = 0; i < STORE_TABLES; i++)
        for (size_t j = 0; j < QUERIES; j++) {
            char *sql = sqlite3_mprintf(query_texts[j], table_names[i]);
            int result = sqlite3_prepare_v3(
                store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &store->statement[i][j], NULL);
            sqlite3_free(sql);
            if (result != SQLITE_OK)
                return fail(store, "read", err);
        }
    return 0;
}

static int set_up(Store *store, Error *err) {
    int version = 0;
    /* The size of the journal stays bounded; memory too: records are small and cached by owners. */
    TRY(run(store,
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -512;"
        "PRAGMA journal_size_limit = 1048576",
        "open", err));
    TRY(read_version(store, &version, err));
    if (version > SCHEMA_VERSION)
        return error_set(err, ERROR_STATE,
            "'%s' was written by a newer tared (schema %d, this one knows %d)", store->path,
            version, SCHEMA_VERSION);
    if (version < SCHEMA_VERSION)
        TRY(make_schema(store, err));
    return prepare(store, err);
}

int store_open(const char *root, Store **ret, Error *err) {
    autoptr(Store) store = new (Store);
    pthread_mutex_init(&store->mutex, NULL);
    store->path = path_join(root, "tare.db");
    /* SQLite would make it 0644; its journal files take the mode of the database. */
    autoclose int fd = -1;
    TRY(file_open(AT_FDCWD, store->path, O_RDWR | O_CREAT, 0600, &fd, err));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(store->path, &store->db, flags, NULL) != SQLITE_OK)
        return fail(store, "open", err);
    sqlite3_busy_timeout(store->db, 5000); /* somebody looks with sqlite3(1) */
    TRY(set_up(store, err));
    *ret = take_ptr(&store);
    return 0;
}

void store_close(Store *store) {
    if (!store)
        return;
    for (size_t i = 0; i < STORE_TABLES; i++)
        for (size_t j = 0; j < QUERIES; j++)
            sqlite3_finalize(store->statement[i][j]);
    sqlite3_close(store->db);
    pthread_mutex_destroy(&store->mutex);
    free(store->path);
    free(store);
}

static int apply_one(Store *store, const StoreChange *change, Error *err) {
    Query query = change->value ? QUERY_PUT : QUERY_REMOVE;
    sqlite3_stmt *statement = store->statement[change->table][query];
    sqlite3_bind_text(statement, 1, change->key, -1, SQLITE_STATIC);
    if (change->value)
        sqlite3_bind_text(statement, 2, change->value, -1, SQLITE_STATIC);
    int result = sqlite3_step(statement);
    int code = result == SQLITE_DONE ? 0 : fail(store, "write", err);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return code;
}

static int apply_locked(Store *store, const StoreChange *changes, size_t n, Error *err) {
    if (n == 1)
        return apply_one(store, changes, err);
    TRY(run(store, "BEGIN IMMEDIATE", "write", err));
    int code = 0;
    for (size_t i = 0; i < n && code == 0; i++)
        code = apply_one(store, &changes[i], err);
    if (code == 0)
        code = run(store, "COMMIT", "write", err);
    if (code < 0)
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

int store_apply(Store *store, const StoreChange *changes, size_t n, Error *err) {
    pthread_mutex_lock(&store->mutex);
    int code = apply_locked(store, changes, n, err);
    pthread_mutex_unlock(&store->mutex);
    return code;
}

int store_put(Store *store, StoreTable table, const char *key, const char *value, Error *err) {
    assert(value);
    return store_apply(store, &(StoreChange){table, key, value}, 1, err);
}

int store_remove(Store *store, StoreTable table, const char *key, Error *err) {
    return store_apply(store, &(StoreChange){table, key, NULL}, 1, err);
}

int store_get(Store *store, StoreTable table, const char *key, char **ret, Error *err) {
    pthread_mutex_lock(&store->mutex);
    sqlite3_stmt *statement = store->statement[table][QUERY_GET];
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    int code = 0;
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        *ret = text_copy((const char *)sqlite3_column_text(statement, 0));
    else if (result == SQLITE_DONE)
        code = error_set(err, ERROR_NOT_FOUND, "no such %s: %s", table_names[table], key);
    else
        code = fail(store, "read", err);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    pthread_mutex_unlock(&store->mutex);
    return code;
}

int store_list(Store *store, StoreTable table, StoreRecords *ret, Error *err) {
    autodone(StoreRecords) records = {};
    pthread_mutex_lock(&store->mutex);
    sqlite3_stmt *statement = store->statement[table][QUERY_LIST];
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        StoreRecord record = {
            .key = text_copy((const char *)sqlite3_column_text(statement, 0)),
            .value = text_copy((const char *)sqlite3_column_text(statement, 1)),
        };
        array_append(records.item, records.n, record);
    }
    int code = result == SQLITE_DONE ? 0 : fail(store, "read", err);
    sqlite3_reset(statement);
    pthread_mutex_unlock(&store->mutex);
    TRY(code);
    *ret = records;
    records = (StoreRecords){};
    return 0;
}

void store_records_done(StoreRecords *records) {
    for (size_t i = 0; i < records->n; i++) {
        free(records->item[i].key);
        free(records->item[i].value);
    }
    free(records->item);
    *records = (StoreRecords){};
}
