// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "bootstrap/runtime_type.h"

#include <cmocka.h>

static void a_type_has_three_words_and_is_no_path(void **state) {
    static const struct {
        const char *type;
        bool valid;
    } rows[] = {
        {"io.containerd.runc.v2", true},
        {"a.b.c", true},
        {"runc", false},
        {"runc.v2", false},
        {".runc.v2", false},
        {"io.containerd.runc.", false},
        {"io.containerd..v2", false},
        {"io.containerd./../x.v2", false},
        {"", false},
        {".", false},
        {"..", false},
        {"...", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(runtime_type_is_valid(rows[i].type), rows[i].valid);
}

static void a_shim_is_found_by_type_or_path_or_is_not_installed(void **state) {
    static const struct {
        const char *type;
        int code;
    } rows[] = {
        {"io.containerd.nobody-has-this.v9", ERROR_NOT_FOUND},
        {"/nowhere/containerd-shim-a-v2", ERROR_NOT_FOUND},
        {"nonsense", ERROR_INVALID},
        {"/bin/sh", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        autofree char *found = NULL;
        Error err = {};
        assert_int_equal(runtime_type_find_shim(rows[i].type, &found, &err), rows[i].code);
        assert_int_equal(found != NULL, rows[i].code == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_type_has_three_words_and_is_no_path),
        cmocka_unit_test(a_shim_is_found_by_type_or_path_or_is_not_installed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
