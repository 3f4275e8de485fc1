// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/container/failure.h"

#include <cmocka.h>

static void failures_have_dockers_exit_codes(void **state) {
    static const struct {
        const char *message, *reason;
        int exit_code;
    } rows[] = {
        {"exec: \"x\": executable file not found in $PATH", "COMMAND_NOT_FOUND", 127},
        {"runc create failed: unable to start container process: exec: \"x\": stat x: no such "
         "file or directory",
            "COMMAND_NOT_FOUND", 127},
        {"exec: \"/etc\": is a directory", "COMMAND_NOT_EXECUTABLE", 126},
        {"exec: \"/x\": permission denied", "COMMAND_NOT_EXECUTABLE", 126},
        {"executable file `x` not found: No such file or directory", "COMMAND_NOT_FOUND", 127},
        {"exec: \"/x\": exec format error", "COMMAND_NOT_EXECUTABLE", 126},
        {"cannot mount '/a': no such file or directory", "", 128},
        {"permission denied", "", 128},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Error err = {};
        error_set(&err, ERROR_UNKNOWN, "%s", rows[i].message);
        command_failure_classify(&err);
        assert_string_equal(err.reason, rows[i].reason);
        assert_int_equal(command_failure_exit_code(&err), rows[i].exit_code);
    }
}

static void a_reason_that_is_there_stays(void **state) {
    Error err = {};
    error_set(&err, ERROR_UNKNOWN, "exec: no such file or directory");
    error_set_reason(&err, "COMMAND_NOT_EXECUTABLE");
    command_failure_classify(&err);
    assert_string_equal(err.reason, "COMMAND_NOT_EXECUTABLE");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_have_dockers_exit_codes),
        cmocka_unit_test(a_reason_that_is_there_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
