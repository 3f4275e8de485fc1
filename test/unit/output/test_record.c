// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "output/record.h"

#include <cmocka.h>

static void parse(const char *line, const void *data, size_t n, bool is_stderr) {
    OutputRecord record = {};
    Error err = {};
    if (output_json_file.parse(line, strlen(line), &record, &err) < 0)
        fail_msg("%s: %s", line, err.message);
    assert_int_equal(record.data.length, n);
    assert_memory_equal(record.data.data, data, n);
    assert_int_equal(record.is_stderr, is_stderr);
    output_record_done(&record);
}

#define T ",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05.000000006Z\"}"

static void bytes_come_back_as_written(void **state) {
    parse("{\"log\":\"hello\\n\"" T, "hello\n", 6, false);
    parse("{\"log\":\"\"" T, "", 0, false);
    parse("{\"log\":\"a\\u0000b\\n\"" T, "a\0b\n", 4, false);
    parse("{\"log\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"" T, "\"\\/\b\f\n\r\t", 8, false);
    parse("{\"log\":\"\\u001b[0m \\u003c\"" T, "\x1b[0m <", 6, false);
    parse("{\"log\":\"\\u00e9\\u20ac\\ud83d\\ude00\"" T, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
        false);
    parse("{\"log\":\"\xc3\xa9\"" T, "\xc3\xa9", 2, false);
}

static void fields_come_in_any_order(void **state) {
    parse("{\"time\":\"2026-01-02T03:04:05Z\",\"stream\":\"stderr\",\"log\":\"x\"}", "x", 1, true);
    parse("{\"log\":\"x\",\"attrs\":{\"a\":\"b\",\"c\":\"d\"},\"stream\":\"stderr\","
          "\"time\":\"2026-01-02T03:04:05Z\"}",
        "x", 1, true);
}

static void time_is_nanoseconds(void **state) {
    static const char line[] = "{\"log\":\"\"" T;
    OutputRecord record = {};
    Error err = {};
    assert_int_equal(output_json_file.parse(line, strlen(line), &record, &err), 0);
    assert_int_equal(record.time, INT64_C(1767323045000000006));
    output_record_done(&record);
}

static void damage_is_noticed(void **state) {
    static const char *const lines[] = {"", "{", "x", "{\"log\"", "{\"log\":\"abc",
        "{\"log\":\"\\q\"}", "{\"log\":\"\\u12\"}", "{\"log\":\"\\ud800\"}",
        "{\"log\":\"\\ud800\\u0041\"}", "{\"log\":1}", "{\"log\":\"x\",\"time\":\"yesterday\"}",
        "\"log\"", "[]"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        OutputRecord record = {};
        Error err = {};
        if (output_json_file.parse(lines[i], strlen(lines[i]), &record, &err) != ERROR_CORRUPT)
            fail_msg("accepted: %s", lines[i]);
        output_record_done(&record);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back_as_written),
        cmocka_unit_test(fields_come_in_any_order),
        cmocka_unit_test(time_is_nanoseconds),
        cmocka_unit_test(damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
