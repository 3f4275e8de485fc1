// SPDX-License-Identifier: Apache-2.0
#include "base/range.h"
#include "test.h"

static void lists_become_sets(void **state) {
    static const struct {
        const char *text;
        size_t count;
        unsigned in, out;
    } rows[] = {
        {"0", 1, 0, 1},
        {"0-3,7", 5, 7, 4},
        {"1,1,1-2", 2, 2, 0},
        {" 4 , 5 ,, 1023", 3, 1023, 3},
        {"63-64", 2, 64, 65},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        RangeSet set;
        Error err = {};
        assert_int_equal(range_parse(rows[i].text, &set, &err), 0);
        assert_int_equal(set.count, rows[i].count);
        assert_true(range_has(&set, rows[i].in));
        assert_false(range_has(&set, rows[i].out));
    }
}

static void nothing_is_the_empty_set(void **state) {
    RangeSet set;
    Error err = {};
    assert_int_equal(range_parse("", &set, &err), 0);
    assert_int_equal(set.count, 0);
    assert_int_equal(range_parse(" , ", &set, &err), 0);
    assert_int_equal(set.count, 0);
}

static void other_words_are_refused(void **state) {
    static const char *const rows[] = {"a", "-1", "1-", "3-1", "1024", "0-9876543210", "1 2",
        "1-2-3", "0x1", "18446744073709551617"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        RangeSet set;
        Error err = {};
        assert_int_equal(range_parse(rows[i], &set, &err), ERROR_INVALID);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(lists_become_sets), TEST(nothing_is_the_empty_set), TEST(other_words_are_refused)};
    return RUN(tests);
}
