// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/time.h"
#include "shim/restart.h"

#include <cmocka.h>

static void delays_double_up_to_a_minute_and_begin_anew_after_a_long_life(void **state) {
    Restart restart = {.mode = RESTART_ALWAYS};
    int64_t delay, expected = 100 * TIME_MILLISECOND;
    for (int i = 0; i < 20; i++) {
        assert_true(restart_decide(&restart, 0, TIME_SECOND, &delay));
        assert_int_equal(delay, expected);
        expected = expected * 2 > 60 * TIME_SECOND ? 60 * TIME_SECOND : expected * 2;
    }
    assert_int_equal(delay, 60 * TIME_SECOND);
    assert_true(restart_decide(&restart, 0, 10 * TIME_SECOND, &delay));
    assert_int_equal(delay, 100 * TIME_MILLISECOND);
}

static void failures_are_counted_against_the_retries(void **state) {
    Restart restart = {};
    Error err = {};
    int64_t delay;
    assert_int_equal(restart_set(&restart, "on-failure", 1, &err), 0);
    assert_false(restart_decide(&restart, 0, 0, &delay));
    assert_true(restart_decide(&restart, 1, 0, &delay));
    restart.count++;
    assert_false(restart_decide(&restart, 1, 0, &delay));
    assert_int_equal(restart_set(&restart, "on-failure", 0, &err), 0);
    assert_true(restart_decide(&restart, 1, 0, &delay));
}

static void unknown_names_and_useless_retries_are_refused(void **state) {
    Restart restart = {.mode = RESTART_ALWAYS};
    Error err = {};
    assert_int_equal(restart_set(&restart, "Always", 0, &err), ERROR_INVALID);
    assert_int_equal(restart_set(&restart, "no", 1, &err), ERROR_INVALID);
    assert_int_equal(restart.mode, RESTART_ALWAYS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_double_up_to_a_minute_and_begin_anew_after_a_long_life),
        cmocka_unit_test(failures_are_counted_against_the_retries),
        cmocka_unit_test(unknown_names_and_useless_retries_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
