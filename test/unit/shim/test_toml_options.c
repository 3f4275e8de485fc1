// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "shim/containerd/toml_options.h"

#include <cmocka.h>

static int decode(const char *text, TomlOptions *ret, Error *err) {
    return toml_options_decode(text, strlen(text), ret, err);
}

static void what_containerd_writes_is_understood(void **state) {
    TomlOptions options = {};
    Error err = {};
    assert_int_equal(decode("BinaryName = '/usr/bin/crun'\nCriuImagePath = ''\nIoGid = 0\n"
                            "NoNewKeyring = true\nRoot = \"/run/a \\\"b\\\\c\\\"\"\r\n\n"
                            "# a comment\n  ShimCgroup=''  # another\nSystemdCgroup = false\n"
                            "TaskApiVersion = +1_0",
                         &options, &err),
        0);
    assert_string_equal(options.binary_name, "/usr/bin/crun");
    assert_string_equal(options.root, "/run/a \"b\\c\"");
    assert_null(options.shim_cgroup);
    assert_true(options.no_new_keyring.value);
    assert_false(options.systemd_cgroup.value);
    assert_false(options.no_pivot_root.value);
    toml_options_done(&options);
}

static void nothing_is_nothing(void **state) {
    TomlOptions options = {};
    Error err = {};
    assert_int_equal(toml_options_decode(NULL, 0, &options, &err), 0);
    assert_null(options.binary_name);
}

static void keys_are_found_whatever_their_case_and_the_last_one_counts(void **state) {
    TomlOptions options = {};
    Error err = {};
    assert_int_equal(decode("binaryname='a'\nBINARYNAME='b'\nBinaryNames='c'", &options, &err), 0);
    assert_string_equal(options.binary_name, "b");
    toml_options_done(&options);
}

static void what_is_not_a_line_of_a_key_and_a_value_is_refused(void **state) {
    static const char *const bad[] = {"[table", "BinaryName", "BinaryName =", "= 'x'",
        "BinaryName = 'x", "BinaryName = \"x\\", "BinaryName = \"\\q\"", "BinaryName = 'x' y",
        "BinaryName = true", "SystemdCgroup = 'true'", "SystemdCgroup = yes", "Other = [1",
        "Other = x", "BinaryName = '''x'''"};
    for (size_t i = 0; i < array_size(bad); i++) {
        TomlOptions options = {};
        Error err = {};
        if (decode(bad[i], &options, &err) != ERROR_INVALID)
            fail_msg("taken: %s", bad[i]);
        assert_null(options.binary_name);
    }
    TomlOptions options = {};
    Error err = {};
    assert_int_equal(decode("A = 1\nB\n", &options, &err), ERROR_INVALID);
    assert_non_null(strstr(err.message, "line 2"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_containerd_writes_is_understood),
        cmocka_unit_test(nothing_is_nothing),
        cmocka_unit_test(keys_are_found_whatever_their_case_and_the_last_one_counts),
        cmocka_unit_test(what_is_not_a_line_of_a_key_and_a_value_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
