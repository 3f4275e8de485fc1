// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/init/message.h"
#include "test.h"

static void messages_arrive(void **state) {
    int pair[2], pid = 0;
    Error err = {};
    assert_int_equal(message_pair(pair, &err), 0);
    assert_int_equal(message_send(pair[0], MESSAGE_PID, 42, &err), 0);
    assert_int_equal(message_send(pair[0], MESSAGE_READY, 0, &err), 0);
    assert_int_equal(message_expect(pair[1], MESSAGE_PID, &pid, &err), 0);
    assert_int_equal(pid, 42);
    assert_int_equal(message_expect(pair[1], MESSAGE_READY, NULL, &err), 0);
    close(pair[0]);
    assert_int_equal(message_expect_end(pair[1], &err), 0);
    close(pair[1]);
}

static void an_error_travels_whole(void **state) {
    int pair[2];
    Error err = {}, sent = {};
    assert_int_equal(message_pair(pair, &err), 0);
    error_set(&sent, ERROR_NOT_FOUND, "exec: \"x\"");
    error_set_reason(&sent, "COMMAND_NOT_FOUND");
    message_send_failure(pair[0], &sent);
    assert_failed(
        message_expect(pair[1], MESSAGE_READY, NULL, &err), err, ERROR_NOT_FOUND, "exec: \"x\"");
    assert_string_equal(err.reason, "COMMAND_NOT_FOUND");
    message_send_failure(pair[0], &sent);
    assert_int_equal(message_expect_end(pair[1], &err), ERROR_NOT_FOUND);
    close(pair[0]);
    close(pair[1]);
}

static void a_dead_peer_is_noticed(void **state) {
    int pair[2];
    Error err = {};
    assert_int_equal(message_pair(pair, &err), 0);
    close(pair[0]);
    assert_int_equal(message_expect(pair[1], MESSAGE_READY, NULL, &err), ERROR_UNAVAILABLE);
    assert_int_equal(message_send(pair[1], MESSAGE_START, 0, &err), ERROR_UNAVAILABLE);
    close(pair[1]);
}

/* An end without a word is an exec only when MESSAGE_START was read before. */
static void a_peer_that_ends_before_its_start_is_dead(void **state) {
    Error err = {}, sent = {};
    error_set(&sent, ERROR_DENIED, "no");
    for (int i = 0; i < 3; i++) {
        int pair[2];
        assert_int_equal(message_pair(pair, &err), 0);
        assert_int_equal(message_send(pair[1], MESSAGE_START, 0, &err), 0);
        if (i == 0)
            assert_int_equal(message_expect(pair[0], MESSAGE_START, NULL, &err), 0);
        if (i == 2)
            message_send_failure(pair[0], &sent);
        close(pair[0]);
        static const int expected[] = {0, ERROR_UNAVAILABLE, ERROR_DENIED};
        assert_int_equal(message_expect_end(pair[1], &err), expected[i]);
        close(pair[1]);
    }
}

/* Whoever ends first, what init said is what its user reads. */
static void a_broken_pipe_is_explained_by_what_came_before(void **state) {
    for (int says = 0; says < 2; says++) {
        int pair[2];
        Error err = {}, sent = {};
        error_set(&sent, ERROR_DENIED, "no network");
        assert_int_equal(message_pair(pair, &err), 0);
        if (says)
            message_send_failure(pair[0], &sent);
        close(pair[0]);
        assert_true(message_send(pair[1], MESSAGE_MAPPED, 0, &err) < 0);
        message_explain(pair[1], &err);
        assert_int_equal(err.code == ERROR_DENIED, says);
        close(pair[1]);
    }
}

/* A pipe that broke elsewhere: the peer lives, and is not waited for. */
static void a_peer_that_says_nothing_explains_nothing(void **state) {
    int pair[2];
    Error err = {};
    assert_int_equal(message_pair(pair, &err), 0);
    error_set_errno(&err, EPIPE, "elsewhere");
    message_explain(pair[1], &err);
    message_explain(-1, &err);
    assert_int_equal(err.sys, EPIPE);
    close(pair[0]);
    close(pair[1]);
}

static void the_wrong_type_is_refused(void **state) {
    int pair[2];
    Error err = {};
    assert_int_equal(message_pair(pair, &err), 0);
    assert_int_equal(message_send(pair[0], MESSAGE_HOOK, 0, &err), 0);
    assert_int_equal(message_expect(pair[1], MESSAGE_READY, NULL, &err), ERROR_INTERNAL);
    close(pair[0]);
    close(pair[1]);
}

/* CVE-2021-43784 was a length that overflowed; here what is too short is refused, and nothing is
 * ever read beyond a message. */
static void short_messages_are_refused(void **state) {
    static char bytes[sizeof(Message) - 1];
    Error err = {};
    for (size_t n = 1; n <= sizeof bytes; n += 7) {
        int pair[2];
        assert_int_equal(message_pair(pair, &err), 0);
        memset(bytes, MESSAGE_READY, sizeof bytes);
        assert_int_equal(send(pair[0], bytes, n, 0), n);
        assert_true(message_expect(pair[1], MESSAGE_READY, NULL, &err) < 0);
        close(pair[0]);
        close(pair[1]);
    }
}

static void text_without_an_end_is_ended(void **state) {
    int pair[2];
    Error err = {};
    Message message = {.type = MESSAGE_FAILED, .error.code = ERROR_INTERNAL};
    memset(message.error.message, 'x', sizeof message.error.message);
    memset(message.error.reason, 'y', sizeof message.error.reason);
    assert_int_equal(message_pair(pair, &err), 0);
    assert_int_equal(send(pair[0], &message, sizeof message, 0), sizeof message);
    assert_int_equal(message_expect(pair[1], MESSAGE_READY, NULL, &err), ERROR_INTERNAL);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    close(pair[0]);
    close(pair[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(messages_arrive), TEST(an_error_travels_whole),
        TEST(a_dead_peer_is_noticed), TEST(a_peer_that_ends_before_its_start_is_dead),
        TEST(a_broken_pipe_is_explained_by_what_came_before),
        TEST(a_peer_that_says_nothing_explains_nothing), TEST(the_wrong_type_is_refused),
        TEST(short_messages_are_refused), TEST(text_without_an_end_is_ended)};
    signal(SIGPIPE, SIG_IGN);
    return RUN(tests);
}
