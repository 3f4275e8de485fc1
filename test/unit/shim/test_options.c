// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "proto/containerd/runc/v1/options.pb-c.h"
#include "proto/tare/shim/v1/options.pb-c.h"
#include "shim/containerd/options.h"

#include <cmocka.h>

static int decode(const char *type, const ProtobufCMessage *message, TaskOptions *ret, Error *err) {
    uint8_t bytes[512];
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    any.type_url = (char *)type;
    any.value.data = bytes;
    any.value.len = message ? protobuf_c_message_pack(message, bytes) : 0;
    return task_options_decode(&any, "ns", ret, err);
}

static void ours_are_taken_as_they_are(void **state) {
    Tare__Shim__V1__Options from = TARE__SHIM__V1__OPTIONS__INIT;
    TaskOptions options = {};
    Error err = {};
    from.runtime = (char *)"/bin/r";
    from.runtime_root = (char *)"/root";
    from.log_path = (char *)"/log";
    Tare__Shim__V1__LogPair size = TARE__SHIM__V1__LOG_PAIR__INIT, *options_of_log = &size;
    Tare__Shim__V1__Log log = TARE__SHIM__V1__LOG__INIT;
    size.name = (char *)"max-size";
    size.value = (char *)"5";
    log.options = &options_of_log;
    log.n_options = 1;
    from.log = &log;
    from.open_stdin = true;
    from.terminal_rows = 3;
    from.terminal_columns = 4;
    assert_int_equal(decode("tare.shim.v1.Options", &from.base, &options, &err), 0);
    assert_string_equal(options.runtime, "/bin/r");
    assert_string_equal(options.runtime_root, "/root");
    assert_string_equal(options.log.path, "/log");
    assert_null(options.attach_socket);
    assert_null(options.exit_record);
    assert_int_equal(options.log.settings.max_size, 5);
    assert_true(options.open_stdin);
    assert_false(options.stdin_once);
    assert_int_equal(options.terminal_size.rows, 3);
    assert_int_equal(options.terminal_size.columns, 4);
    task_options_done(&options);
}

static void containerds_name_the_runtime_and_its_root(void **state) {
    Containerd__Runc__V1__Options from = CONTAINERD__RUNC__V1__OPTIONS__INIT;
    TaskOptions options = {};
    Error err = {};
    from.binary_name = (char *)"crun";
    from.root = (char *)"/run/x";
    from.systemd_cgroup = true;
    assert_int_equal(decode("containerd.runc.v1.Options", &from.base, &options, &err), 0);
    assert_string_equal(options.runtime, "crun");
    assert_string_equal(options.runtime_root, "/run/x/ns");
    assert_true(options.systemd_cgroup);
    task_options_done(&options);
}

static void no_options_mean_containerds_places(void **state) {
    TaskOptions options = {};
    Error err = {};
    assert_int_equal(task_options_decode(NULL, "ns", &options, &err), 0);
    assert_null(options.runtime);
    assert_string_equal(options.runtime_root, "/run/containerd/runc/ns");
    task_options_done(&options);
}

static void bad_options_are_refused(void **state) {
    Tare__Shim__V1__Options from = TARE__SHIM__V1__OPTIONS__INIT;
    TaskOptions options = {};
    Error err = {};
    assert_int_equal(decode("nobody.Options", NULL, &options, &err), ERROR_INVALID);
    assert_string_equal(err.message, "options of type 'nobody.Options' are not known");
    from.log_path = (char *)"log";
    assert_int_equal(decode("tare.shim.v1.Options", &from.base, &options, &err), ERROR_INVALID);
    assert_string_equal(err.message, "'log' is not an absolute path");
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    any.type_url = (char *)"tare.shim.v1.Options";
    any.value.data = (uint8_t *)"\xff\xff";
    any.value.len = 2;
    assert_int_equal(task_options_decode(&any, "ns", &options, &err), ERROR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_are_taken_as_they_are),
        cmocka_unit_test(containerds_name_the_runtime_and_its_root),
        cmocka_unit_test(no_options_mean_containerds_places),
        cmocka_unit_test(bad_options_are_refused),
    };
    return cmocka_run_group_tests_name("shim/options", tests, NULL, NULL);
}
