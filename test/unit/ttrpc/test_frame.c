// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "proto/ttrpc/request.pb-c.h"
#include "ttrpc/frame.h"

#include <cmocka.h>

typedef struct Pair {
    int near, far;
    TtrpcReader reader; /* at near */
} Pair;

static int open_pair(void **state) {
    int fds[2];
    Pair *pair = new (Pair);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
        return -1;
    *pair = (Pair){.near = fds[0], .far = fds[1]};
    *state = pair;
    return 0;
}

static int close_pair(void **state) {
    Pair *pair = *state;
    ttrpc_reader_done(&pair->reader);
    close(pair->near);
    close(pair->far);
    free(pair);
    return 0;
}

static void write_bytes(const Pair *pair, const void *bytes, size_t n) {
    assert_int_equal(write(pair->far, bytes, n), n);
}

static int next(Pair *pair, TtrpcFrame *frame) {
    Error err = {};
    int r = ttrpc_reader_next(&pair->reader, pair->near, frame, &err);
    if (r < 0)
        assert_int_equal(r, err.code);
    return r;
}

static void frames_arrive_byte_by_byte(void **state) {
    static const uint8_t bytes[] = {0, 0, 0, 3, 0, 0, 0, 5, 1, 0, 'a', 'b', 'c'};
    Pair *pair = *state;
    TtrpcFrame frame;
    for (size_t i = 0; i < sizeof bytes; i++) {
        assert_int_equal(next(pair, &frame), 0);
        write_bytes(pair, bytes + i, 1);
    }
    assert_int_equal(next(pair, &frame), TTRPC_FRAME);
    assert_int_equal(frame.length, 3);
    assert_int_equal(frame.stream, 5);
    assert_int_equal(frame.type, TTRPC_REQUEST);
    assert_memory_equal(frame.data, "abc", 3);
    assert_int_equal(next(pair, &frame), 0);
}

static void frames_without_data_have_none(void **state) {
    static const uint8_t bytes[] = {0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0};
    Pair *pair = *state;
    TtrpcFrame frame;
    write_bytes(pair, bytes, sizeof bytes);
    assert_int_equal(next(pair, &frame), TTRPC_FRAME);
    assert_int_equal(frame.length, 0);
    assert_non_null(frame.data);
    assert_int_equal(next(pair, &frame), TTRPC_FRAME);
    assert_int_equal(frame.stream, 3);
}

static void too_long_frames_are_skipped(void **state) {
    static const uint8_t header[] = {0, 0x40, 0, 1, 0, 0, 0, 7, 1, 0}; /* 4 MiB and one */
    static const uint8_t after[] = {0, 0, 0, 1, 0, 0, 0, 9, 1, 0, 'x'};
    static uint8_t piece[4096];
    Pair *pair = *state;
    TtrpcFrame frame;
    write_bytes(pair, header, sizeof header);
    for (int i = 0; i < 1024; i++) {
        write_bytes(pair, piece, sizeof piece);
        assert_int_equal(next(pair, &frame), 0);
    }
    write_bytes(pair, piece, 1);
    assert_int_equal(next(pair, &frame), TTRPC_FRAME);
    assert_null(frame.data);
    assert_int_equal(frame.stream, 7);
    write_bytes(pair, after, sizeof after);
    assert_int_equal(next(pair, &frame), TTRPC_FRAME);
    assert_int_equal(frame.stream, 9);
    assert_memory_equal(frame.data, "x", 1);
}

static void broken_connections_are_told(void **state) {
    Pair *pair = *state;
    TtrpcFrame frame;
    write_bytes(pair, "\0\0\0\x05half", 8);
    shutdown(pair->far, SHUT_WR);
    assert_int_equal(next(pair, &frame), ERROR_UNAVAILABLE);
}

static void written_frames_are_read_back(void **state) {
    Pair *pair = *state;
    TtrpcFrame frame;
    Error err = {};
    autodone(Text) out = {};
    Ttrpc__Request request = TTRPC__REQUEST__INIT;
    request.service = (char *)"a.Service";
    request.method = (char *)"Method";
    assert_int_equal(ttrpc_frame_append(&out, TTRPC_REQUEST, 11, &request.base, &err), 0);
    assert_int_equal(ttrpc_flush(&out, pair->far, &err), 0);
    assert_int_equal(out.length, 0);
    assert_int_equal(next(pair, &frame), TTRPC_FRAME);
    Ttrpc__Request *back = ttrpc__request__unpack(NULL, frame.length, frame.data);
    assert_non_null(back);
    assert_string_equal(back->service, "a.Service");
    assert_string_equal(back->method, "Method");
    ttrpc__request__free_unpacked(back, NULL);
}

static void too_long_messages_are_not_sent(void **state) {
    Error err = {};
    autodone(Text) out = {};
    Ttrpc__Request request = TTRPC__REQUEST__INIT;
    request.payload.len = TTRPC_DATA_MAX;
    request.payload.data = memory_new(TTRPC_DATA_MAX);
    assert_int_equal(
        ttrpc_frame_append(&out, TTRPC_REQUEST, 1, &request.base, &err), ERROR_EXHAUSTED);
    assert_int_equal(out.length, 0);
    free(request.payload.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frames_arrive_byte_by_byte, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(frames_without_data_have_none, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(too_long_frames_are_skipped, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(broken_connections_are_told, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(written_frames_are_read_back, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(too_long_messages_are_not_sent, open_pair, close_pair),
    };
    return cmocka_run_group_tests_name("ttrpc/frame", tests, NULL, NULL);
}
