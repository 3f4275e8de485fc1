// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/base64.h"
#include "base/memory.h"
#include "test.h"

/* RFC 4648, section 10, and bytes that need every kind of digit. */
static const struct {
    const char *plain, *encoded;
} rows[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xfb\xef\xff", "++//"}};

static void bytes_become_characters_and_come_back(void **state) {
    for (size_t i = 0; i < array_size(rows); i++) {
        char encoded[16] = {};
        autodone(Text) plain = {};
        size_t n = strlen(rows[i].plain);
        char *end = base64_encode(encoded, rows[i].plain, n);
        assert_int_equal(end - encoded, strlen(rows[i].encoded));
        assert_string_equal(encoded, rows[i].encoded);
        assert_true(base64_decode(encoded, strlen(encoded), &plain));
        assert_int_equal(plain.length, n);
        assert_memory_equal(plain.data ? plain.data : "", rows[i].plain, n);
    }
}

static void what_is_no_base64_is_refused(void **state) {
    static const char *const bad[] = {
        "Z", "Zg=", "Zg", "Zg=a", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm 9", "Zm9-", "=m9v"};
    for (size_t i = 0; i < array_size(bad); i++) {
        autodone(Text) plain = {};
        if (base64_decode(bad[i], strlen(bad[i]), &plain))
            fail_msg("taken: '%s'", bad[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(bytes_become_characters_and_come_back),
        TEST(what_is_no_base64_is_refused),
    };
    return RUN(tests);
}
