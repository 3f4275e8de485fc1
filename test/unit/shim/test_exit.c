// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "shim/exit.h"

#include <cmocka.h>

static char directory[32];
static char *path;

static int set_up(void **state) {
    strcpy(directory, "/tmp/tare-exit-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    path = path_join(directory, "exit.json");
    return 0;
}

static int tear_down(void **state) {
    Error err = {};
    free(path);
    return file_remove_tree(AT_FDCWD, directory, &err);
}

static size_t count_files(void) {
    size_t n = 0;
    DIR *stream = opendir(directory);
    for (struct dirent *entry; (entry = readdir(stream));)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(stream);
    return n;
}

static void what_is_saved_is_loaded(void **state) {
    const ExitRecord record = {137, INT64_C(1700000000123456789), true};
    ExitRecord back = {};
    Error err = {};
    autodone(Text) text = {};
    assert_int_equal(exit_record_save(path, &record, &err), 0);
    assert_int_equal(file_read(AT_FDCWD, path, 4096, &text, &err), 0);
    assert_string_equal(text.data,
        "{\"exitStatus\":137,\"exitedAt\":\"2023-11-14T22:13:20.123456789Z\","
        "\"oomKilled\":true}");
    assert_int_equal(exit_record_load(path, &back, &err), 0);
    assert_int_equal(back.status, 137);
    assert_int_equal(back.at, record.at);
    assert_true(back.oom_killed);
    assert_int_equal(count_files(), 1);
}

static void the_first_record_stays(void **state) {
    const ExitRecord first = {1, 1, false}, second = {2, 2, false};
    ExitRecord back = {};
    Error err = {};
    assert_int_equal(exit_record_save(path, &first, &err), 0);
    assert_int_equal(exit_record_save(path, &second, &err), ERROR_EXISTS);
    assert_int_equal(exit_record_load(path, &back, &err), 0);
    assert_int_equal(back.status, 1);
    assert_int_equal(count_files(), 1);
}

static void absent_and_broken_records_are_told_apart(void **state) {
    ExitRecord back = {};
    Error err = {};
    assert_int_equal(exit_record_load(path, &back, &err), ERROR_NOT_FOUND);
    assert_int_equal(file_write(AT_FDCWD, path, "{\"exitStatus\":1", 15, 0600, false, &err), 0);
    assert_int_equal(exit_record_load(path, &back, &err), ERROR_INVALID);
    assert_int_equal(file_write(AT_FDCWD, path, "{}", 2, 0600, false, &err), 0);
    assert_int_equal(exit_record_load(path, &back, &err), ERROR_INVALID);
}

static void a_missing_directory_is_named(void **state) {
    Error err = {};
    autofree char *missing = path_join(directory, "no/exit.json");
    assert_int_equal(exit_record_save(missing, &(ExitRecord){}, &err), ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, missing));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_saved_is_loaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_first_record_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            absent_and_broken_records_are_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_directory_is_named, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("shim/exit", tests, NULL, NULL);
}
