// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "test.h"

static void names_the_act_then_the_kernels_words(void **state) {
    Error err = {};
    int r = error_set_errno(&err, EPERM, "cannot mount '%s'", "proc");
    assert_failed(r, err, ERROR_DENIED, "cannot mount 'proc': operation not permitted");
    assert_int_equal(err.sys, EPERM);
}

static void takes_the_capital_of_the_kernels_sentence(void **state) {
    Error err = {};
    error_set_errno(&err, ENETDOWN, "no");
    assert_string_equal(err.message, "no: network is down");
}

static void maps_every_errno_that_users_meet(void **state) {
    static const struct {
        int sys, code;
    } rows[] = {
        {ENOENT, ERROR_NOT_FOUND},
        {EEXIST, ERROR_EXISTS},
        {EADDRINUSE, ERROR_EXISTS},
        {EROFS, ERROR_DENIED},
        {EINVAL, ERROR_INVALID},
        {EBUSY, ERROR_STATE},
        {ENOSPC, ERROR_EXHAUSTED},
        {EOPNOTSUPP, ERROR_UNSUPPORTED},
        {ETIMEDOUT, ERROR_TIMEOUT},
        {ECONNREFUSED, ERROR_UNAVAILABLE},
        {EIO, ERROR_INTERNAL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Error err = {};
        assert_int_equal(error_set_errno(&err, rows[i].sys, "x"), rows[i].code);
    }
}

static void prefix_keeps_code_and_reason(void **state) {
    Error err = {};
    error_set(&err, ERROR_NOT_FOUND, "no such program");
    error_set_reason(&err, "COMMAND_NOT_FOUND");
    assert_int_equal(error_prefix(&err, "container %s", "c1"), ERROR_NOT_FOUND);
    assert_string_equal(err.message, "container c1: no such program");
    assert_string_equal(err.reason, "COMMAND_NOT_FOUND");
}

static void setting_again_forgets_the_reason(void **state) {
    Error err = {};
    error_set(&err, ERROR_STATE, "first");
    error_set_reason(&err, "OLD");
    error_set(&err, ERROR_STATE, "second");
    assert_string_equal(err.reason, "");
    assert_int_equal(err.sys, 0);
}

static void long_texts_are_cut_not_overrun(void **state) {
    char text[4096];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    Error err = {};
    error_set_errno(&err, EPERM, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    error_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    error_set_reason(&err, text);
    assert_int_equal(strlen(err.reason), sizeof err.reason - 1);
}

static void explanations_stand_in_brackets_behind_the_message(void **state) {
    char text[4096];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    Error err = {};
    error_set_errno(&err, EACCES, "exec");
    error_set_reason(&err, "R");
    assert_int_equal(error_explain(&err, "mode %d", 7), ERROR_DENIED);
    assert_string_equal(err.message, "exec: permission denied (mode 7)");
    assert_string_equal(err.reason, "R");
    error_explain(&err, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_true(err.message[sizeof err.message - 2] == ')');
    error_explain(&err, "no room");
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

static void no_text_of_others_moves_a_terminal(void **state) {
    Error err = {};
    error_set(&err, ERROR_INVALID, "name '%s'", "a\nb");
    error_prefix(&err, "image '%s'", "\x1b[31m");
    error_explain(&err, "tag '%s'", "\x7f");
    assert_string_equal(err.message, "image '?[31m': name 'a b' (tag '?')");
}

static int step(int result, Error *err) {
    TRY(result);
    return error_set(err, ERROR_ABORTED, "went on");
}

static void try_passes_negative_results_up(void **state) {
    Error err = {};
    assert_int_equal(step(ERROR_STATE, &err), ERROR_STATE);
    assert_int_equal(step(7, &err), ERROR_ABORTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(names_the_act_then_the_kernels_words),
        TEST(takes_the_capital_of_the_kernels_sentence),
        TEST(maps_every_errno_that_users_meet),
        TEST(prefix_keeps_code_and_reason),
        TEST(no_text_of_others_moves_a_terminal),
        TEST(setting_again_forgets_the_reason),
        TEST(explanations_stand_in_brackets_behind_the_message),
        TEST(long_texts_are_cut_not_overrun),
        TEST(try_passes_negative_results_up),
    };
    return RUN(tests);
}
