// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/time.h"
#include "shim/log/escape.h"
#include "shim/log/moment.h"

#include <cmocka.h>

/* Exactly as long as the promise says, so that a sanitizer sees what goes beyond. */
static char *escape(const char *bytes, size_t n, bool *ret_good) {
    autofree char *from = memory_copy(bytes, n ? n : 1);
    char *to = memory_new(LOG_ESCAPE_EXPANSION * n + LOG_ESCAPE_SLACK + 1);
    char *end = log_escape(to, from, n, ret_good);
    *end = '\0';
    return to;
}

static void any_byte_is_escaped_wherever_it_stands(void **state) {
    static const struct {
        const char *byte, *wanted;
        bool good;
    } rows[] = {
        {"\"", "\\\"", true},
        {"\\", "\\\\", true},
        {"\n", "\\n", true},
        {"\x01", "\\u0001", true},
        {"\x7f", "\x7f", true},
        {"\xc3\xa4", "\xc3\xa4", true},
        {"\xff", "\xef\xbf\xbd", false},
    };
    for (size_t i = 0; i < array_size(rows); i++)
        for (size_t before = 0; before < 70; before++)
            for (size_t after = 0; after < 40; after += 13) {
                char bytes[128], wanted[128];
                size_t n = strlen(rows[i].byte), m = strlen(rows[i].wanted);
                bool good;
                memset(bytes, 'x', sizeof bytes);
                memset(wanted, 'x', sizeof wanted);
                memcpy(bytes + before, rows[i].byte, n);
                memcpy(wanted + before, rows[i].wanted, m);
                wanted[before + m + after] = '\0';
                autofree char *got = escape(bytes, before + n + after, &good);
                assert_string_equal(got, wanted);
                assert_true(good == rows[i].good);
            }
}

static void a_nul_and_nothing_are_escaped(void **state) {
    bool good;
    autofree char *nul = escape("\0", 1, &good), *nothing = escape("", 0, &good);
    assert_string_equal(nul, "\\u0000");
    assert_string_equal(nothing, "");
}

static void check_moment(LogMoment *moment, int64_t time) {
    char got[LOG_MOMENT_SIZE + 1] = {}, wanted[TIME_TEXT_SIZE];
    log_moment_write(moment, time, got);
    assert_string_equal(got, time_format_fixed(time, wanted));
}

static void moments_follow_each_other_over_every_carry(void **state) {
    LogMoment moment = {};
    static const int64_t starts[] = {
        0, 5, TIME_SECOND - 3, 1769854272 * TIME_SECOND + 8, 1769854272 * TIME_SECOND - 1000000};
    for (size_t i = 0; i < array_size(starts); i++)
        for (int64_t step = 0; step < 3000; step++)
            check_moment(&moment, starts[i] + step);
    for (int64_t step = 0; step < 3000; step += 7) /* there, again, and back */
        for (int64_t time = starts[3] - step; time < starts[3] + step; time += step)
            check_moment(&moment, time);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_byte_is_escaped_wherever_it_stands),
        cmocka_unit_test(a_nul_and_nothing_are_escaped),
        cmocka_unit_test(moments_follow_each_other_over_every_carry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
