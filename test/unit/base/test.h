// SPDX-License-Identifier: Apache-2.0
#pragma once
/* cmocka wants these before itself. TEST(name) is one row of a program's table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#include <cmocka.h>

#define TEST(name) cmocka_unit_test(name)
#define RUN(tests) cmocka_run_group_tests(tests, NULL, NULL)

/* The call failed with this code and these words. */
#define assert_failed(result, err, expected_code, words)                                           \
    do {                                                                                           \
        assert_int_equal((result), (expected_code));                                               \
        assert_int_equal((err).code, (expected_code));                                             \
        assert_string_equal((err).message, (words));                                               \
    } while (0)
