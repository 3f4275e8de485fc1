// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "shim/log/sink.h"

#include <cmocka.h>

static char directory[32];
static char *path;

static int set_up(void **state) {
    strcpy(directory, "/tmp/tare-log-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    path = path_join(directory, "log");
    return 0;
}

static int tear_down(void **state) {
    Error err = {};
    free(path);
    return file_remove_tree(AT_FDCWD, directory, &err);
}

static LogSink *open_log(int64_t max_size, int max_files) {
    LogSink *log = NULL;
    Error err = {};
    const LogSinkOptions options = {
        .path = path, .settings = {.max_size = max_size, .max_files = max_files}};
    assert_int_equal(log_sink_open(&options, &log, &err), 0);
    return log;
}

static void write_text(LogSink *log, LogStream stream, const char *text) {
    log_sink_write(log, stream, text, strlen(text));
}

/* The file without the times, which end every line. */
static char *read_log(const char *suffix) {
    Error err = {};
    autodone(Text) text = {};
    Text out = {};
    autofree char *name = text_format("%s%s", path, suffix);
    assert_int_equal(file_read(AT_FDCWD, name, 1 << 24, &text, &err), 0);
    autotexts char **lines = texts_split(text.data, '\n');
    for (char **line = lines; line && **line; line++) {
        char *time = strstr(*line, ",\"time\":\"20");
        assert_non_null(time);
        assert_true(text_ends(*line, "Z\"}"));
        *time = '\0';
        text_append(&out, *line);
        text_append(&out, "\n");
    }
    return text_take(&out);
}

static void lines_become_entries(void **state) {
    LogSink *log = open_log(0, 1);
    write_text(log, LOG_STDOUT, "one\ntwo\n");
    write_text(log, LOG_STDERR, "err\n");
    autofree char *text = read_log("");
    assert_string_equal(text, "{\"log\":\"one\\n\",\"stream\":\"stdout\"\n"
                              "{\"log\":\"two\\n\",\"stream\":\"stdout\"\n"
                              "{\"log\":\"err\\n\",\"stream\":\"stderr\"\n");
    log_sink_free(log);
}

static void pieces_of_a_line_are_joined_by_stream(void **state) {
    LogSink *log = open_log(0, 1);
    write_text(log, LOG_STDOUT, "o");
    write_text(log, LOG_STDERR, "e");
    write_text(log, LOG_STDOUT, "ut\nrest");
    write_text(log, LOG_STDERR, "rr\n");
    log_sink_flush(log, LOG_STDOUT);
    autofree char *text = read_log("");
    assert_string_equal(text, "{\"log\":\"out\\n\",\"stream\":\"stdout\"\n"
                              "{\"log\":\"err\\n\",\"stream\":\"stderr\"\n"
                              "{\"log\":\"rest\",\"stream\":\"stdout\"\n");
    log_sink_free(log);
}

static void closing_writes_what_is_left(void **state) {
    LogSink *log = open_log(0, 1);
    write_text(log, LOG_STDOUT, "no newline");
    log_sink_free(log);
    autofree char *text = read_log("");
    assert_string_equal(text, "{\"log\":\"no newline\",\"stream\":\"stdout\"\n");
}

/* However the bytes arrive, the entries are the same. */
static void long_lines_are_split_at_16_kib(void **state) {
    static const size_t steps[] = {1, 7, 16383, 16384, 16385, 100000};
    autofree char *line = memory_new(40001);
    memset(line, 'x', 40000);
    line[40000] = '\n';
    char *first = NULL;
    for (size_t i = 0; i < array_size(steps); i++) {
        unlink(path);
        LogSink *log = open_log(0, 1);
        for (size_t at = 0; at < 40001; at += steps[i])
            log_sink_write(
                log, LOG_STDOUT, line + at, 40001 - at < steps[i] ? 40001 - at : steps[i]);
        log_sink_free(log);
        autofree char *text = read_log("");
        autotexts char **entries = texts_split(text, '\n');
        assert_int_equal(texts_count(entries), 4); /* and the end */
        assert_int_equal(strlen(entries[0]), 16384 + strlen("{\"log\":\"\",\"stream\":\"stdout\""));
        assert_non_null(strstr(entries[2], "x\\n\","));
        if (first)
            assert_string_equal(text, first);
        else
            first = text_copy(text);
    }
    free(first);
}

static void bytes_that_are_not_utf_8_are_replaced(void **state) {
    LogSink *log = open_log(0, 1);
    log_sink_write(log, LOG_STDOUT, "a\xff\0\x1b\"\n", 6);
    autofree char *text = read_log("");
    assert_non_null(strstr(text, "\\u0000\\u001b\\\"\\n"));
    assert_null(strchr(text, '\xff'));
    log_sink_free(log);
}

static void rotation_keeps_every_line_of_the_newest_files(void **state) {
    LogSink *log = open_log(1000, 4);
    for (int i = 0; i < 200; i++) {
        autofree char *line = text_format("%d\n", i);
        write_text(log, LOG_STDOUT, line);
    }
    log_sink_free(log);
    int expected = -1;
    for (int file = 3; file >= 0; file--) {
        autofree char *suffix = file ? text_format(".%d", file) : text_copy("");
        autofree char *text = read_log(suffix);
        autotexts char **lines = texts_split(text, '\n');
        for (char **line = lines; **line; line++) {
            int number = atoi(*line + strlen("{\"log\":\""));
            if (expected >= 0)
                assert_int_equal(number, expected);
            expected = number + 1;
        }
    }
    assert_int_equal(expected, 200);
    autofree char *too_old = text_format("%s.4", path);
    assert_false(file_exists(AT_FDCWD, too_old));
}

static void an_existing_log_is_continued(void **state) {
    for (int i = 0; i < 2; i++) {
        LogSink *log = open_log(0, 1);
        write_text(log, LOG_STDOUT, "again\n");
        log_sink_free(log);
    }
    autofree char *text = read_log("");
    assert_string_equal(text, "{\"log\":\"again\\n\",\"stream\":\"stdout\"\n"
                              "{\"log\":\"again\\n\",\"stream\":\"stdout\"\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_become_entries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pieces_of_a_line_are_joined_by_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_writes_what_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_lines_are_split_at_16_kib, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_that_are_not_utf_8_are_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            rotation_keeps_every_line_of_the_newest_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_existing_log_is_continued, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("shim/log_sink", tests, NULL, NULL);
}
