// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "engine/registry/proxy.h"

#include <cmocka.h>

#define PROXY "http://proxy:3128"

static char *chosen(char *http, char *https, char *none, const char *url) {
    const Proxies proxies = {http, https, none};
    Error err = {};
    char *proxy;
    assert_int_equal(proxy_choose(&proxies, url, &proxy, &err), 0);
    return proxy;
}

static void test_exceptions(void **state) {
    static const struct {
        char *none;
        const char *url;
        bool direct;
    } rows[] = {
        {NULL, "https://example.org/v2/", false},
        {"", "https://example.org/v2/", false},
        {"*", "https://example.org/v2/", true},
        {"example.org", "https://example.org/v2/", true},
        {"Example.ORG", "https://example.org/v2/", true},
        {"example.org", "https://a.example.org/v2/", true},
        {"example.org", "https://anexample.org/v2/", false},
        {".example.org", "https://a.example.org/", true},
        {".example.org", "https://example.org/", false},
        {"*.example.org", "https://a.example.org/", true},
        {"*.example.org", "https://example.org/", false},
        {"other, example.org", "https://example.org/", true},
        {"other,example.org:5000", "https://example.org:5000/", true},
        {"example.org:5000", "https://example.org/", false},
        {"example.org:443", "https://example.org/", true},
        {"192.0.2.0/24", "https://192.0.2.7:5000/", true},
        {"192.0.3.0/24", "https://192.0.2.7:5000/", false},
        {"192.0.2.7", "https://192.0.2.7:5000/", true},
        {"2001:db8::/32", "https://[2001:db8::1]/", true},
        {"2001:db8::1", "https://[2001:db8::1]:5000/", true},
        {"[2001:db8::1]:5000", "https://[2001:db8::1]:5000/", true},
        {"[2001:db8::1]:5001", "https://[2001:db8::1]:5000/", false},
        {":", "https://example.org/", false},
        {"[]:443", "https://example.org/", false},
        {NULL, "https://localhost:5000/", true},
        {NULL, "https://127.1.2.3:5000/", true},
        {NULL, "https://[::1]:5000/", true},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        autofree char *proxy = chosen(NULL, PROXY, rows[i].none, rows[i].url);
        if (rows[i].direct != !proxy)
            fail_msg("no_proxy '%s', %s", rows[i].none ? rows[i].none : "", rows[i].url);
    }
}

static void test_one_for_each_scheme(void **state) {
    autofree char *plain = chosen("plain:1", PROXY, NULL, "http://example.org/");
    autofree char *none = chosen(NULL, PROXY, NULL, "http://example.org/");
    autofree char *tls = chosen(NULL, PROXY, NULL, "https://example.org/");
    assert_string_equal(plain, "http://plain:1");
    assert_null(none);
    assert_string_equal(tls, PROXY);
}

static void test_the_configuration_before_the_environment(void **state) {
    RegistryConfig config = {.http_proxy = "configured", .https_proxy = ""};
    Proxies proxies;
    setenv("HTTP_PROXY", "environment", 1);
    setenv("https_proxy", "lower", 1);
    unsetenv("HTTPS_PROXY");
    setenv("NO_PROXY", "upper", 1);
    setenv("no_proxy", "lower", 1);
    proxies_read(&config, &proxies);
    assert_string_equal(proxies.http, "configured");
    assert_string_equal(proxies.https, "lower");
    assert_string_equal(proxies.none, "upper");
    proxies_done(&proxies);
}

static void test_a_password_is_not_shown(void **state) {
    static char *const bad[] = {"ftp://u:secret@proxy", "http://u:secret@", "http://u:secret@p:x1"};
    autofree char *name = proxy_name("http://user:secret@proxy.example:3128/");
    autofree char *six = proxy_name("https://user:secret@[2001:db8::1]");
    assert_string_equal(name, "http://proxy.example:3128");
    assert_string_equal(six, "https://[2001:db8::1]:443");
    for (size_t i = 0; i < array_size(bad); i++) {
        const Proxies proxies = {.https = bad[i]};
        Error err = {};
        char *proxy;
        assert_int_equal(
            proxy_choose(&proxies, "https://example.org/", &proxy, &err), ERROR_INVALID);
        assert_string_equal(
            err.message, "the proxy that the engine is to use for https is not the URL of a proxy");
        assert_null(proxy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exceptions),
        cmocka_unit_test(test_one_for_each_scheme),
        cmocka_unit_test(test_the_configuration_before_the_environment),
        cmocka_unit_test(test_a_password_is_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
