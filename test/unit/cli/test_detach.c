// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/memory.h"
#include "cli/detach.h"
#include "test.h"

/* Types the pieces one after the other; what came through is in out. */
static bool type(Detach *detach, const char *const *pieces, char *out) {
    uint8_t buffer[256];
    *out = 0;
    for (; *pieces; pieces++) {
        size_t n = 0;
        bool left = detach_filter(detach, (const uint8_t *)*pieces, strlen(*pieces), buffer, &n);
        strncat(out, (const char *)buffer, n);
        if (left)
            return true;
    }
    return false;
}

static void the_default_keys_detach(void **state) {
    (void)state;
    Error err = {};
    char out[256];
    Detach detach = {};
    assert_int_equal(detach_parse(NULL, &detach, &err), 0);
    assert_true(type(&detach,
        (const char *[]){"ab\x10\x11"
                         "cd",
            NULL},
        out));
    assert_string_equal(out, "ab");
}

static void keys_may_come_one_by_one(void **state) {
    (void)state;
    Error err = {};
    char out[256];
    Detach detach = {};
    detach_parse("ctrl-p,ctrl-q", &detach, &err);
    assert_true(type(&detach, (const char *[]){"\x10", "\x11", NULL}, out));
    assert_string_equal(out, "");
}

static void a_false_start_goes_to_the_program(void **state) {
    (void)state;
    static const struct {
        const char *keys;
        const char *typed[4];
        const char *expected;
    } rows[] = {
        {"ctrl-p,ctrl-q", {"\x10", "x", NULL}, "\x10x"},
        {"ctrl-p,ctrl-q", {"\x10\x10", "x", NULL}, "\x10\x10x"},
        {"a,a,b", {"aaa", "c", NULL}, "aaac"},
        {"a,b,a,c", {"aba", "bx", NULL}, "ababx"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        Error err = {};
        char out[256];
        Detach detach = {};
        assert_int_equal(detach_parse(rows[i].keys, &detach, &err), 0);
        assert_false(type(&detach, rows[i].typed, out));
        assert_string_equal(out, rows[i].expected);
    }
}

static void overlapping_starts_are_found(void **state) {
    (void)state;
    Error err = {};
    char out[256];
    Detach detach = {};
    detach_parse("a,a,b", &detach, &err);
    assert_true(type(&detach, (const char *[]){"aa", "ab", NULL}, out));
    assert_string_equal(out, "a");
    detach_parse("ctrl-p,ctrl-q", &detach, &err);
    assert_true(type(&detach, (const char *[]){"\x10\x10\x11", NULL}, out));
    assert_string_equal(out, "\x10");
}

static void no_keys_pass_everything(void **state) {
    (void)state;
    char out[256];
    Detach detach = {};
    assert_false(type(&detach, (const char *[]){"\x10\x11", NULL}, out));
    assert_string_equal(out, "\x10\x11");
}

static void keys_are_checked(void **state) {
    (void)state;
    Detach detach = {};
    Error err = {};
    assert_int_equal(detach_parse("ctrl-[,ctrl-@,x,ctrl-A", &detach, &err), 0);
    assert_memory_equal(detach.key, ((uint8_t[]){27, 0, 'x', 1}), 4);
    static const char *const bad[] = {
        "ctrl-", "ctrl-!", "ctrl-ab", "xy", "a,,b", "1,2,3,4,5,6,7,8,9,0,a,b,c,d,e,f,g"};
    for (size_t i = 0; i < array_size(bad); i++)
        assert_int_equal(detach_parse(bad[i], &detach, &err), ERROR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_default_keys_detach),
        TEST(keys_may_come_one_by_one),
        TEST(a_false_start_goes_to_the_program),
        TEST(overlapping_starts_are_found),
        TEST(no_keys_pass_everything),
        TEST(keys_are_checked),
    };
    return RUN(tests);
}
