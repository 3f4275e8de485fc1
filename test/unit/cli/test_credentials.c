// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/memory.h"
#include "cli/credentials.h"
#include "test.h"

static const char config[] = "{\"auths\": {"
                             "\"https://index.docker.io/v1/\": {\"auth\": \"aHViOnB3\"},"
                             "\"r.example:5000\": {\"auth\": \"YWxpY2U6c2VjcmV0OjE=\"},"
                             "\"token.example\": {\"auth\": \"YTo=\", \"identitytoken\": \"t\"},"
                             "\"plain.example\": {\"username\": \"u\", \"password\": \"p\"},"
                             "\"bad.example\": {\"auth\": \"!!!!\"},"
                             "\"nocolon.example\": {\"auth\": \"YWJj\"}"
                             "}, \"credsStore\": \"x\"}";

static int find(const char *host, Credentials *ret, Error *err) {
    return credentials_parse(config, strlen(config), host, ret, err);
}

static void credentials_are_decoded(void **state) {
    (void)state;
    Error err = {};
    autodone(Credentials) hub = {}, port = {}, token = {}, plain = {};
    assert_int_equal(find("docker.io", &hub, &err), 0);
    assert_string_equal(hub.username, "hub");
    assert_string_equal(hub.password, "pw");
    assert_int_equal(find("r.example:5000", &port, &err), 0);
    assert_string_equal(port.username, "alice");
    assert_string_equal(port.password, "secret:1");
    assert_int_equal(find("token.example", &token, &err), 0);
    assert_string_equal(token.identity_token, "t");
    assert_int_equal(find("plain.example", &plain, &err), 0);
    assert_string_equal(plain.username, "u");
}

static void credentials_are_for_their_host_only(void **state) {
    (void)state;
    static const char *const others[] = {"r.example", "r.example:5001", "x.r.example:5000",
        "index.docker.io.example", "example", ""};
    for (size_t i = 0; i < array_size(others); i++) {
        Error err = {};
        Credentials credentials = {};
        assert_int_equal(find(others[i], &credentials, &err), 0);
        assert_null(credentials.username);
        assert_null(credentials.password);
    }
}

static void broken_entries_are_named(void **state) {
    (void)state;
    Error err = {};
    Credentials credentials = {};
    assert_failed(find("bad.example", &credentials, &err), err, ERROR_INVALID,
        "auths.bad.example.auth: expected base64 of user:password");
    assert_int_equal(find("nocolon.example", &credentials, &err), ERROR_INVALID);
    assert_int_equal(
        credentials_parse("{\"auths\":[]}", 12, "x", &credentials, &err), ERROR_INVALID);
    assert_int_equal(credentials_parse("{", 1, "x", &credentials, &err), ERROR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(credentials_are_decoded),
        TEST(credentials_are_for_their_host_only),
        TEST(broken_entries_are_named),
    };
    return RUN(tests);
}
