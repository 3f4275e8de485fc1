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
#include "output/reader.h"

#include <cmocka.h>

#define ENTRY "2026-01-01T00:00:00Z stdout F "

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
        char line[64];
        snprintf(line, sizeof line, ENTRY "%d\n", next_number++);
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

static OutputReader *open_log(int64_t tail) {
    OutputReader *reader = NULL;
    Error err = {};
    const OutputReaderOptions options = {.driver = OUTPUT_CRI, .path = path, .tail = tail};
    if (output_reader_open(&options, &reader, &err) < 0)
        fail_msg("%s", err.message);
    return reader;
}

/* Reads what there is: numbers from `first` on, one a line. Returns the number after the last. */
static int expect_numbers(OutputReader *reader, int first) {
    for (;; first++) {
        OutputLine line;
        Error err = {};
        int r = output_reader_next(reader, &line, &err);
        if (r == 0)
            return first;
        assert_int_equal(r, 1);
        autofree char *copy = text_copy_n(line.bytes, line.n);
        assert_int_equal(strtol(copy, NULL, 10), first);
    }
}

static void all_files_are_read_oldest_first(void **state) {
    append_numbers(10);
    rotate();
    append_numbers(10);
    rotate();
    append_numbers(5);
    autoptr(OutputReader) reader = open_log(OUTPUT_TAIL_ALL);
    assert_int_equal(expect_numbers(reader, 0), 25);
}

static void a_missing_log_is_empty_until_it_appears(void **state) {
    autoptr(OutputReader) reader = open_log(OUTPUT_TAIL_ALL);
    assert_int_equal(expect_numbers(reader, 0), 0);
    append_numbers(3);
    assert_int_equal(expect_numbers(reader, 0), 3);
}

static void rotations_while_reading_lose_nothing(void **state) {
    append_numbers(4);
    autoptr(OutputReader) reader = open_log(OUTPUT_TAIL_ALL);
    int seen = expect_numbers(reader, 0);
    for (int round = 0; round < 20; round++) {
        append_numbers(3);
        rotate();
        append_numbers(round % 3);
        if (round % 2)
            rotate();
        append_numbers(2);
        seen = expect_numbers(reader, seen);
        assert_int_equal(seen, next_number);
    }
}

static void a_line_written_before_the_rotation_is_not_skipped(void **state) {
    append_numbers(1);
    autoptr(OutputReader) reader = open_log(OUTPUT_TAIL_ALL);
    assert_int_equal(expect_numbers(reader, 0), 1);
    append_numbers(1);
    rotate();
    append_numbers(1);
    assert_int_equal(expect_numbers(reader, 1), 3);
}

static void tail_counts_across_files(void **state) {
    append_numbers(10);
    rotate();
    append_numbers(10);
    rotate();
    append_numbers(5);
    const int tails[] = {0, 1, 4, 5, 6, 15, 16, 25, 26, 1000};
    for (size_t i = 0; i < array_size(tails); i++) {
        autoptr(OutputReader) reader = open_log(tails[i]);
        int first = tails[i] > 25 ? 0 : 25 - tails[i];
        assert_int_equal(expect_numbers(reader, first), 25);
    }
}

static void tail_of_a_large_file_is_found_backwards(void **state) {
    append_numbers(40000);
    autoptr(OutputReader) reader = open_log(30001);
    assert_int_equal(expect_numbers(reader, 40000 - 30001), 40000);
}

static void an_unfinished_line_waits_for_its_end(void **state) {
    append(ENTRY "0\n" ENTRY "1");
    autoptr(OutputReader) reader = open_log(OUTPUT_TAIL_ALL);
    assert_int_equal(expect_numbers(reader, 0), 1);
    append("\n" ENTRY "2\n");
    assert_int_equal(expect_numbers(reader, 1), 3);
}

static void truncation_starts_anew(void **state) {
    append_numbers(100);
    autoptr(OutputReader) reader = open_log(OUTPUT_TAIL_ALL);
    assert_int_equal(expect_numbers(reader, 0), 100);
    assert_int_equal(truncate(path, 0), 0);
    append_numbers(2);
    assert_int_equal(expect_numbers(reader, 100), 102);
}

static void long_lines_are_read_whole_up_to_a_limit(void **state) {
    OutputLine line;
    Error err = {};
    size_t size = 300 * 1024;
    autofree char *text = memory_new(5 << 20);
    append(ENTRY);
    memset(text, 'x', size);
    text[size] = '\n';
    append(text);
    memset(text, 'y', (5 << 20) - 2);
    text[(5 << 20) - 2] = '\n';
    append(text);
    append(ENTRY "end\n");
    autoptr(OutputReader) reader = open_log(OUTPUT_TAIL_ALL);
    assert_int_equal(output_reader_next(reader, &line, &err), 1);
    assert_int_equal(line.n, size + 1);
    assert_int_equal(output_reader_next(reader, &line, &err), 1);
    assert_int_equal(line.n, 4);
    assert_memory_equal(line.bytes, "end\n", 4);
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
