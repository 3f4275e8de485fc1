// SPDX-License-Identifier: Apache-2.0
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "runtime/security/seccomp.h"
#include "test.h"

static int compile(const char *text, Seccomp *ret, Error *err) {
    OciSeccomp config;
    assert_int_equal(json_decode(&oci_seccomp_type, text, strlen(text), &config, err), 0);
    int r = seccomp_compile(&config, "/proc/nonexistent", ret, err);
    json_done(&oci_seccomp_type, &config);
    return r;
}

static void absent_means_no_filter(void **state) {
    Seccomp filter;
    Error err = {};
    assert_int_equal(seccomp_compile(NULL, "/proc/nonexistent", &filter, &err), 0);
    assert_null(filter.program);
    seccomp_done(&filter);
}

static void a_filter_is_compiled(void **state) {
    Seccomp filter;
    Error err = {};
    assert_int_equal(
        compile("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,"
                "\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"],\"syscalls\":["
                "{\"names\":[\"read\",\"no_such_call\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
            &filter, &err),
        0);
    assert_non_null(filter.program);
    assert_true(filter.length > 3);
    assert_int_equal(filter.flags, SECCOMP_FILTER_FLAG_LOG);
    assert_false(filter.notifies);
    seccomp_done(&filter);
}

static void wrong_words_are_named(void **state) {
    static const char *const rows[][2] = {
        {"{\"defaultAction\":\"ALLOW\"}", "linux.seccomp.defaultAction: unknown action \"ALLOW\""},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"x86\"]}",
            "linux.seccomp.architectures: unknown \"x86\""},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"LOG\"]}",
            "linux.seccomp.flags[0]: unknown flag \"LOG\""},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
         "\"action\":\"SCMP_ACT_NOTIFY\"}]}",
            "linux.seccomp.listenerPath: SCMP_ACT_NOTIFY needs one"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/x\",\"syscalls\":[{\"names\":["
         "\"write\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}",
            "linux.seccomp.syscalls[0]: SCMP_ACT_NOTIFY cannot be used for the write syscall"},
        {"{\"defaultAction\":\"SCMP_ACT_NOTIFY\",\"listenerPath\":\"/x\"}",
            "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be used as default action"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":"
         "\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]}",
            "linux.seccomp.syscalls[0] (read): index: a system call has arguments 0 to 5"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Seccomp filter;
        Error err = {};
        assert_failed(compile(rows[i][0], &filter, &err), err, ERROR_INVALID, rows[i][1]);
        seccomp_done(&filter);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(absent_means_no_filter), TEST(a_filter_is_compiled), TEST(wrong_words_are_named)};
    return RUN(tests);
}
