// SPDX-License-Identifier: Apache-2.0
#include <sqlite3.h>
#include <sys/stat.h>

#include "engine/store/store.h"
#include "test.h"

static void records_survive_reopening(void **state) {
    Store *store;
    autofree char *value = NULL;
    SUCCEEDS(store_open(*state, &store, err));
    SUCCEEDS(store_put(store, STORE_IMAGE, "b", "{\"x\":1}", err));
    SUCCEEDS(store_put(store, STORE_IMAGE, "b", "{\"x\":2}", err));
    SUCCEEDS(store_put(store, STORE_IMAGE, "a", "{}", err));
    SUCCEEDS(store_put(store, STORE_CONTAINER, "a", "other", err));
    store_close(store);
    SUCCEEDS(store_open(*state, &store, err));
    SUCCEEDS(store_get(store, STORE_IMAGE, "b", &value, err));
    assert_string_equal(value, "{\"x\":2}");
    autodone(StoreRecords) records = {};
    SUCCEEDS(store_list(store, STORE_IMAGE, &records, err));
    assert_int_equal(records.n, 2);
    assert_string_equal(records.item[0].key, "a");
    store_close(store);
}

static void absence_has_its_own_code(void **state) {
    autoptr(Store) store = NULL;
    char *value;
    SUCCEEDS(store_open(*state, &store, err));
    FAILS(ERROR_NOT_FOUND, "no such network: x", store_get(store, STORE_NETWORK, "x", &value, err));
    SUCCEEDS(store_remove(store, STORE_NETWORK, "x", err));
}

static void changes_happen_together_or_not_at_all(void **state) {
    autoptr(Store) store = NULL;
    autofree char *value = NULL;
    SUCCEEDS(store_open(*state, &store, err));
    SUCCEEDS(store_put(store, STORE_IMAGE, "old", "1", err));
    const StoreChange good[] = {{STORE_IMAGE, "new", "2"}, {STORE_IMAGE, "old", NULL}};
    SUCCEEDS(store_apply(store, good, 2, err));
    FAILS(ERROR_NOT_FOUND, "old", store_get(store, STORE_IMAGE, "old", &value, err));
    /* a NULL key breaks the second row */
    const StoreChange bad[] = {{STORE_IMAGE, "third", "3"}, {STORE_IMAGE, NULL, "4"}};
    FAILS(ERROR_INTERNAL, "cannot write", store_apply(store, bad, 2, err));
    FAILS(ERROR_NOT_FOUND, "third", store_get(store, STORE_IMAGE, "third", &value, err));
    SUCCEEDS(store_get(store, STORE_IMAGE, "new", &value, err));
}

static void only_the_owner_may_read_it(void **state) {
    autoptr(Store) store = NULL;
    struct stat status;
    autofree char *path = path_join(*state, "tare.db");
    SUCCEEDS(store_open(*state, &store, err));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void a_newer_schema_is_refused(void **state) {
    Store *store;
    sqlite3 *db;
    autofree char *path = path_join(*state, "tare.db");
    SUCCEEDS(store_open(*state, &store, err));
    store_close(store);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    FAILS(ERROR_STATE, "was written by a newer tared (schema 99", store_open(*state, &store, err));
}

static void a_file_that_is_no_database_is_named(void **state) {
    Store *store;
    int dir = open(*state, O_RDONLY | O_DIRECTORY);
    SUCCEEDS(file_write(
        dir, "tare.db", "this is not SQLite, not at all, by no means", 43, 0600, false, err));
    close(dir);
    FAILS(ERROR_CORRUPT, "tare.db", store_open(*state, &store, err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DIRECTORY(records_survive_reopening),
        WITH_DIRECTORY(absence_has_its_own_code),
        WITH_DIRECTORY(changes_happen_together_or_not_at_all),
        WITH_DIRECTORY(only_the_owner_may_read_it),
        WITH_DIRECTORY(a_newer_schema_is_refused),
        WITH_DIRECTORY(a_file_that_is_no_database_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
