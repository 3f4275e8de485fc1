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
#include "output/reader.h"
#include "shim/log/sink.h"

#include <cmocka.h>

static char directory[32];
static char *path;
static OutputDriver driver; /* json-file */

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

static void clear_directory(void) {
    Error err = {};
    assert_int_equal(file_remove_tree(AT_FDCWD, directory, &err), 0);
    assert_int_equal(file_make_dirs(directory, 0700, &err), 0);
}

static LogSink *open_log(int64_t max_size, int max_files) {
    LogSink *log = NULL;
    Error err = {};
    const LogSinkOptions options = {
        .path = path, .settings = {.driver = driver, .max_size = max_size, .max_files = max_files}};
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

/* Everything that is in the log, of one stream. */
static char *read_back(bool of_stderr, size_t *ret_n) {
    const OutputReaderOptions options = {.driver = driver, .path = path, .tail = OUTPUT_TAIL_ALL};
    OutputReader *reader = NULL;
    OutputLine line;
    Text out = {};
    Error err = {};
    int64_t last = 0;
    assert_int_equal(output_reader_open(&options, &reader, &err), 0);
    while (output_reader_next(reader, &line, &err) == 1) {
        assert_true(line.time > last);
        last = line.time;
        if (line.is_stderr == of_stderr)
            text_append_bytes(&out, line.bytes, line.n);
    }
    output_reader_close(reader);
    *ret_n = out.length;
    return text_take(&out);
}

/* Text of many scripts, long lines, NULs, bytes that are no UTF-8: in pieces of any size. */
static void what_was_written_comes_back_byte_for_byte(void **state) {
    static const char *const words[] = {"plain ", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\n",
        "\"\\\t\x1b[0m", "\xff\xfe\xc3", "\n\n"};
    enum {
        SIZE = 3 << 20
    };
    autofree char *bytes = memory_new(SIZE + 16);
    size_t n = 0;
    srand(1);
    while (n < SIZE / 2) {
        const char *word = words[(size_t)rand() % array_size(words)];
        memcpy(bytes + n, word, strlen(word));
        n += strlen(word);
    }
    memset(bytes + n, 'x', 1 << 20); /* one line */
    n += 1 << 20;
    while (n < SIZE)
        bytes[n++] = (char)rand();
    for (driver = OUTPUT_JSON_FILE; driver <= OUTPUT_CRI; driver++) {
        LogSink *log = open_log(100000, 1000);
        for (size_t at = 0, step; at < n; at += step) {
            step = 1 + (size_t)rand() % 70000;
            step = step < n - at ? step : n - at;
            log_sink_write(log, LOG_STDOUT, bytes + at, step);
            if (rand() % 8 == 0)
                write_text(log, LOG_STDERR, "between\n");
        }
        log_sink_free(log);
        size_t back_n = 0;
        autofree char *back = read_back(false, &back_n);
        assert_int_equal(back_n, n);
        assert_memory_equal(back, bytes, n);
        autofree char *between = read_back(true, &back_n);
        assert_memory_equal(between, "between\nbetween\n", 16);
        clear_directory();
    }
    driver = OUTPUT_JSON_FILE;
}

/* As a shim that was killed while it wrote. */
static void half_an_entry_is_cut_off(void **state) {
    static const char *const halves[] = {[OUTPUT_JSON_FILE] = "{\"log\":\"ha",
        [OUTPUT_LOCAL] = "\x89TLg\xff\0",
        [OUTPUT_CRI] = "2026-"};
    for (driver = OUTPUT_JSON_FILE; driver <= OUTPUT_CRI; driver++) {
        unlink(path);
        LogSink *log = open_log(0, 1);
        write_text(log, LOG_STDOUT, "one\n");
        log_sink_free(log);
        autoclose int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
        assert_int_equal(write(fd, halves[driver], 5), 5);
        log = open_log(0, 1);
        write_text(log, LOG_STDOUT, "two\n");
        log_sink_free(log);
        size_t n = 0;
        autofree char *back = read_back(false, &n);
        assert_string_equal(back, "one\ntwo\n");
    }
    driver = OUTPUT_JSON_FILE;
}

/* However far behind it is, and with one file as with many. */
static void a_follower_loses_nothing_by_rotation(void **state) {
    for (int files = 1; files <= 3; files++) {
        LogSink *log = open_log(1000, files);
        OutputReader *reader = NULL;
        OutputLine line;
        Error err = {};
        int next = 0;
        const OutputReaderOptions options = {.path = path, .tail = OUTPUT_TAIL_ALL};
        assert_int_equal(output_reader_open(&options, &reader, &err), 0);
        for (int i = 0; i < 3000; i++) {
            autofree char *text = text_format("%d\n", i);
            write_text(log, LOG_STDOUT, text);
            for (int k = 0; i % 700 < 300 && k < 4 && output_reader_next(reader, &line, &err) == 1;
                 k++)
                assert_int_equal(atoi(line.bytes), next++);
        }
        while (output_reader_next(reader, &line, &err) == 1)
            assert_int_equal(atoi(line.bytes), next++);
        assert_int_equal(next, 3000);
        output_reader_close(reader);
        for (int i = 0; i < 100; i++)
            write_text(log, LOG_STDOUT, "more\n");
        log_sink_free(log);
        autofree char *kept = text_format("%s.%d", path, files);
        assert_false(file_exists(AT_FDCWD, kept));
        clear_directory();
    }
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
        cmocka_unit_test_setup_teardown(
            what_was_written_comes_back_byte_for_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_an_entry_is_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_follower_loses_nothing_by_rotation, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("shim/log_sink", tests, NULL, NULL);
}
