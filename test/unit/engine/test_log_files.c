// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "engine/container/log_files.h"

#include <cmocka.h>

static char directory[32];
static char *path;
static int next_number;

static int set_up(void **state) {
    strcpy(directory, "/tmp/tare-logs-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    path = path_join(directory, "log");
    next_number = 0;
    return 0;
}

static int tear_down(void **state) {
    Error err = {};
    free(path);
    return file_remove_tree(AT_FDCWD, directory, &err);
}

static void append(const char *text) {
    autoclose int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void append_numbers(int n) {
    for (int i = 0; i < n; i++) {
        char line[32];
        snprintf(line, sizeof line, "%d\n", next_number++);
        append(line);
    }
}

/* As the shim: PATH.1 → PATH.2, PATH → PATH.1; at most two old ones. */
static void rotate(void) {
    autofree char *one = text_format("%s.1", path), *two = text_format("%s.2", path);
    rename(one, two);
    assert_int_equal(rename(path, one), 0);
    append("");
}

static LogFiles *open_log(int64_t tail) {
    LogFiles *files = NULL;
    Error err = {};
    if (log_files_open(path, tail, &files, &err) < 0)
        fail_msg("%s", err.message);
    return files;
}

/* Reads what there is: numbers from `first` on, one a line. Returns the number after the last. */
static int expect_numbers(LogFiles *files, int first) {
    for (;; first++) {
        const char *line;
        size_t n;
        Error err = {};
        assert_int_equal(log_files_next(files, &line, &n, &err), 0);
        if (!line)
            return first;
        autofree char *copy = text_copy_n(line, n);
        assert_int_equal(strtol(copy, NULL, 10), first);
    }
}

static void all_files_are_read_oldest_first(void **state) {
    append_numbers(10);
    rotate();
    append_numbers(10);
    rotate();
    append_numbers(5);
    autoptr(LogFiles) files = open_log(LOG_TAIL_ALL);
    assert_int_equal(expect_numbers(files, 0), 25);
}

static void a_missing_log_is_empty_until_it_appears(void **state) {
    autoptr(LogFiles) files = open_log(LOG_TAIL_ALL);
    assert_int_equal(expect_numbers(files, 0), 0);
    append_numbers(3);
    assert_int_equal(expect_numbers(files, 0), 3);
}

static void rotations_while_reading_lose_nothing(void **state) {
    append_numbers(4);
    autoptr(LogFiles) files = open_log(LOG_TAIL_ALL);
    int seen = expect_numbers(files, 0);
    for (int round = 0; round < 20; round++) {
        append_numbers(3);
        rotate();
        append_numbers(round % 3);
        if (round % 2)
            rotate();
        append_numbers(2);
        seen = expect_numbers(files, seen);
        assert_int_equal(seen, next_number);
    }
}

static void a_line_written_before_the_rotation_is_not_skipped(void **state) {
    append_numbers(1);
    autoptr(LogFiles) files = open_log(LOG_TAIL_ALL);
    assert_int_equal(expect_numbers(files, 0), 1);
    append_numbers(1);
    rotate();
    append_numbers(1);
    assert_int_equal(expect_numbers(files, 1), 3);
}

static void tail_counts_across_files(void **state) {
    append_numbers(10);
    rotate();
    append_numbers(10);
    rotate();
    append_numbers(5);
    const int tails[] = {0, 1, 4, 5, 6, 15, 16, 25, 26, 1000};
    for (size_t i = 0; i < array_size(tails); i++) {
        autoptr(LogFiles) files = open_log(tails[i]);
        int first = tails[i] > 25 ? 0 : 25 - tails[i];
        assert_int_equal(expect_numbers(files, first), 25);
    }
}

static void tail_of_a_large_file_is_found_backwards(void **state) {
    append_numbers(40000);
    autoptr(LogFiles) files = open_log(30001);
    assert_int_equal(expect_numbers(files, 40000 - 30001), 40000);
}

static void an_unfinished_line_waits_for_its_end(void **state) {
    append("0\n1");
    autoptr(LogFiles) files = open_log(LOG_TAIL_ALL);
    assert_int_equal(expect_numbers(files, 0), 1);
    append("\n2\n");
    assert_int_equal(expect_numbers(files, 1), 3);
}

static void truncation_starts_anew(void **state) {
    append_numbers(100);
    autoptr(LogFiles) files = open_log(LOG_TAIL_ALL);
    assert_int_equal(expect_numbers(files, 0), 100);
    assert_int_equal(truncate(path, 0), 0);
    append_numbers(2);
    assert_int_equal(expect_numbers(files, 100), 102);
}

static void long_lines_are_read_whole_up_to_a_limit(void **state) {
    const char *line;
    size_t n;
    Error err = {};
    size_t size = 300 * 1024;
    autofree char *text = memory_new(5 << 20);
    memset(text, 'x', size);
    text[size] = '\n';
    append(text);
    memset(text, 'y', (5 << 20) - 2);
    text[(5 << 20) - 2] = '\n';
    append(text);
    append("end\n");
    autoptr(LogFiles) files = open_log(LOG_TAIL_ALL);
    assert_int_equal(log_files_next(files, &line, &n, &err), 0);
    assert_int_equal(n, size);
    assert_int_equal(log_files_next(files, &line, &n, &err), 0);
    assert_int_equal(n, 3);
    assert_memory_equal(line, "end", 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(all_files_are_read_oldest_first),
        TEST(a_missing_log_is_empty_until_it_appears),
        TEST(rotations_while_reading_lose_nothing),
        TEST(a_line_written_before_the_rotation_is_not_skipped),
        TEST(tail_counts_across_files),
        TEST(tail_of_a_large_file_is_found_backwards),
        TEST(an_unfinished_line_waits_for_its_end),
        TEST(truncation_starts_anew),
        TEST(long_lines_are_read_whole_up_to_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
