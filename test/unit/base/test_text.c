// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "test.h"

static void grows_and_stays_terminated(void **state) {
    autodone(Text) text = {};
    for (int i = 0; i < 1000; i++)
        text_append_format(&text, "%d,", i);
    assert_int_equal(text.length, strlen(text.data));
    assert_true(text_starts(text.data, "0,1,2,"));
    assert_true(text_ends(text.data, "998,999,"));
    text_clear(&text);
    assert_int_equal(text.length, 0);
    assert_string_equal(text.data, "");
}

static void holds_nul_bytes(void **state) {
    autodone(Text) text = {};
    text_append_bytes(&text, "a\0b", 3);
    assert_int_equal(text.length, 3);
    assert_memory_equal(text.data, "a\0b", 4);
}

static void take_gives_the_string_away(void **state) {
    Text text = {};
    autofree char *nothing = text_take(&text);
    assert_string_equal(nothing, "");
    text_append(&text, "x");
    autofree char *taken = text_take(&text);
    assert_string_equal(taken, "x");
    assert_null(text.data);
}

static void split_keeps_empty_fields(void **state) {
    static const struct {
        const char *text;
        size_t n;
        const char *last;
    } rows[] = {{"", 0, NULL}, {"a", 1, "a"}, {"a,,b", 3, "b"}, {"a,", 2, ""}, {",", 2, ""}};
    for (size_t i = 0; i < array_size(rows); i++) {
        autotexts char **texts = texts_split(rows[i].text, ',');
        assert_int_equal(texts_count(texts), rows[i].n);
        if (rows[i].n)
            assert_string_equal(texts[rows[i].n - 1], rows[i].last);
    }
}

static void join_undoes_split(void **state) {
    autotexts char **texts = texts_split("a::b:c:", ':');
    autotexts char **copy = texts_copy(texts);
    autofree char *joined = texts_join(copy, ":");
    assert_string_equal(joined, "a::b:c:");
}

static void numbers_are_whole_strings(void **state) {
    static const char *const bad[] = {"", " 1", "+1", "1x", "0x1", "-", "--1", "1 "};
    Error err = {};
    int64_t value = 42;
    for (size_t i = 0; i < array_size(bad); i++)
        assert_int_equal(text_parse_int(bad[i], "port", &value, &err), ERROR_INVALID);
    assert_int_equal(value, 42);
    assert_int_equal(text_parse_int("-9223372036854775807", "x", &value, &err), 0);
    assert_true(value == -INT64_MAX);
    assert_int_equal(text_parse_int("9223372036854775808", "x", &value, &err), ERROR_RANGE);
    uint64_t large;
    assert_int_equal(text_parse_uint("18446744073709551615", "x", &large, &err), 0);
    assert_true(large == UINT64_MAX);
    int r = text_parse_uint("18446744073709551616", "port", &large, &err);
    assert_failed(r, err, ERROR_RANGE, "invalid port '18446744073709551616': too large");
    r = text_parse_uint("http", "port", &large, &err);
    assert_failed(r, err, ERROR_INVALID, "invalid port 'http': not a number");
}

static void sizes_as_docker_writes_them(void **state) {
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {
        {"0", 0},
        {"512", 512},
        {"512b", 512},
        {"64k", 65536},
        {"64K", 65536},
        {"1.5g", 1610612736},
        {"10MiB", 10485760},
        {"10 MB", 10485760},
        {"2t", 2199023255552},
    };
    static const char *const bad[] = {"", "k", "-1", "1x", "1kk", "0x10", "1.2.3", "inf", "1bb"};
    Error err = {};
    uint64_t value;
    for (size_t i = 0; i < array_size(rows); i++) {
        assert_int_equal(text_parse_size(rows[i].text, "size", &value, &err), 0);
        assert_true(value == rows[i].bytes);
    }
    for (size_t i = 0; i < array_size(bad); i++)
        assert_int_equal(text_parse_size(bad[i], "size", &value, &err), ERROR_INVALID);
    assert_int_equal(text_parse_size("99999999p", "size", &value, &err), ERROR_RANGE);
}

static void null_equals_only_null(void **state) {
    assert_true(text_equal(NULL, NULL));
    assert_false(text_equal(NULL, ""));
    assert_true(text_is_empty(NULL));
    assert_null(text_copy(NULL));
    autofree char *part = text_copy_n("abc", 2), *whole = text_copy_n("abc", 9);
    assert_string_equal(part, "ab");
    assert_string_equal(whole, "abc");
}

static void random_hex_is_hex_and_differs(void **state) {
    char a[65], b[65];
    text_random_hex(a, 32);
    text_random_hex(b, 32);
    assert_int_equal(strlen(a), 64);
    assert_int_equal(strspn(a, "0123456789abcdef"), 64);
    assert_string_not_equal(a, b);
}

static void control_characters_of_others_do_nothing(void **state) {
    char text[] = "a\nb\t\x1b[2Jc\x7f\xc2\x9b"
                  "0m \xc3\xbc\xc2";
    text_make_printable(text);
    assert_string_equal(text, "a b ?[2Jc?\?\?0m \xc3\xbc\xc2");
    Error error;
    error_set(&error, ERROR_INVALID, "no '%s'", "x\ny\033]0;title\a");
    assert_string_equal(error.message, "no 'x y?]0;title?'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(grows_and_stays_terminated),
        TEST(holds_nul_bytes),
        TEST(take_gives_the_string_away),
        TEST(split_keeps_empty_fields),
        TEST(join_undoes_split),
        TEST(numbers_are_whole_strings),
        TEST(sizes_as_docker_writes_them),
        TEST(null_equals_only_null),
        TEST(control_characters_of_others_do_nothing),
        TEST(random_hex_is_hex_and_differs),
    };
    return RUN(tests);
}
