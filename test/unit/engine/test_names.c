// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/container/names.h"

#include <cmocka.h>

static void generated_names_are_adjective_and_surname(void **state) {
    for (int i = 0; i < 1000; i++) {
        Error err = {};
        autofree char *name = name_generate(i % 2);
        assert_int_equal(name_check(name, &err), 0);
        size_t first = strspn(name, "abcdefghijklmnopqrstuvwxyz");
        assert_int_equal(name[first], '_');
        size_t second = strspn(name + first + 1, "abcdefghijklmnopqrstuvwxyz");
        const char *rest = name + first + 1 + second;
        assert_true(first > 0 && second > 0);
        assert_int_equal(strlen(rest), i % 2);
        assert_true(i % 2 == 0 || (*rest >= '0' && *rest <= '9'));
    }
}

static void names_follow_dockers_rule(void **state) {
    static const char *const good[] = {"ab", "a1", "A.b-c_d", "0x"};
    static const char *const bad[] = {"", "a", "-a", ".a", "_a", "a b", "a/b", "a\n", "é1", "a:b"};
    Error err = {};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(name_check(good[i], &err), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(name_check(bad[i], &err), ERROR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_names_are_adjective_and_surname),
        cmocka_unit_test(names_follow_dockers_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
