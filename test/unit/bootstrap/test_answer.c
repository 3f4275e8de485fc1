// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bootstrap/answer.h"

#include <cmocka.h>

static void every_form_is_read_as_it_was_written(void **state) {
    static const BootstrapForm forms[] = {BOOTSTRAP_ADDRESS, BOOTSTRAP_JSON, BOOTSTRAP_PROTOBUF};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const BootstrapAnswer written = {(char *)"/run/a.sock", 3};
        autodone(BootstrapAnswer) read = {};
        autodone(Text) text = {};
        Error err = {};
        bootstrap_answer_encode(&written, forms[i], &text);
        assert_int_equal(bootstrap_answer_decode(text.data, text.length, &read, &err), 0);
        assert_int_equal(read.version, forms[i] == BOOTSTRAP_ADDRESS ? 2 : 3);
        assert_string_equal(read.address, written.address);
    }
}

static void an_answer_of_another_protocol_is_refused(void **state) {
    static const struct {
        const char *text;
        int code;
    } rows[] = {
        {"", ERROR_UNSUPPORTED},
        {"relative", ERROR_UNSUPPORTED},
        {"tcp://127.0.0.1:1", ERROR_UNSUPPORTED},
        {"{\"version\":3,\"address\":\"vsock://3:1\",\"protocol\":\"ttrpc\"}", ERROR_UNSUPPORTED},
        {"{\"version\":3,\"address\":\"unix:///a\",\"protocol\":\"grpc\"}", ERROR_UNSUPPORTED},
        {"{\"version\":4,\"address\":\"unix:///a\"}", ERROR_UNSUPPORTED},
        {"{\"version\":4294967299,\"address\":\"unix:///a\"}", ERROR_UNSUPPORTED},
        {"{\"address\":\"unix:///a\"}", ERROR_INVALID},
        {"{", ERROR_INVALID},
        {"\x08\x03\x12\x7f", ERROR_CORRUPT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        BootstrapAnswer answer = {};
        Error err = {};
        assert_int_equal(bootstrap_answer_decode(rows[i].text, strlen(rows[i].text), &answer, &err),
            rows[i].code);
        assert_null(answer.address);
    }
}

static void the_line_of_an_old_shim_means_version_2(void **state) {
    static const char line[] = "unix:///run/containerd/s/0123\n";
    autodone(BootstrapAnswer) answer = {};
    Error err = {};
    assert_int_equal(bootstrap_answer_decode(line, strlen(line), &answer, &err), 0);
    assert_int_equal(answer.version, 2);
    assert_string_equal(answer.address, "/run/containerd/s/0123");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_read_as_it_was_written),
        cmocka_unit_test(an_answer_of_another_protocol_is_refused),
        cmocka_unit_test(the_line_of_an_old_shim_means_version_2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
