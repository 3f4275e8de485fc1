// SPDX-License-Identifier: Apache-2.0
#include "attach/frame.h"
#include "test/unit/base/test.h"

static void header_is_dockers(void **state) {
    uint8_t bytes[ATTACH_HEADER_SIZE];
    attach_header_encode((AttachHeader){ATTACH_STDERR, 0x010203}, bytes);
    static const uint8_t expected[] = {2, 0, 0, 0, 0, 1, 2, 3};
    assert_memory_equal(bytes, expected, sizeof expected);
}

static void every_type_comes_back(void **state) {
    static const AttachType types[] = {ATTACH_STDIN, ATTACH_STDOUT, ATTACH_STDERR, ATTACH_HELLO,
        ATTACH_READY, ATTACH_FAILED, ATTACH_RESIZE, ATTACH_EXIT};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        uint8_t bytes[ATTACH_HEADER_SIZE];
        AttachHeader header = {};
        Error err = {};
        attach_header_encode((AttachHeader){types[i], ATTACH_PAYLOAD_MAX}, bytes);
        assert_int_equal(attach_header_decode(bytes, &header, &err), 0);
        assert_int_equal(header.type, types[i]);
        assert_int_equal(header.length, ATTACH_PAYLOAD_MAX);
    }
}

static void malformed_headers_are_refused(void **state) {
    static const uint8_t bad[][ATTACH_HEADER_SIZE] = {
        {3},                      /* between Docker's types and ours */
        {15},                     /* just below HELLO */
        {21},                     /* just above EXIT */
        {255},                    /* far out */
        {1, 1},                   /* padding */
        {1, 0, 0, 1},             /* padding */
        {1, 0, 0, 0, 0, 1, 0, 1}, /* one byte too long */
        {1, 0, 0, 0, 255, 255, 255, 255},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        AttachHeader header = {ATTACH_EXIT, 7};
        Error err = {};
        int r = attach_header_decode(bad[i], &header, &err);
        assert_failed(r, err, ERROR_CORRUPT, "malformed attach frame");
        assert_int_equal(header.length, 7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(header_is_dockers),
        TEST(every_type_comes_back),
        TEST(malformed_headers_are_refused),
    };
    return RUN(tests);
}
