// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/address.h"
#include "test.h"

static Endpoints list(const RegistryConfig *config, const char *domain) {
    Endpoints endpoints = {};
    SUCCEEDS(endpoints_list(config, domain, "library/x", &endpoints, err));
    return endpoints;
}

static void only_loopback_and_configured_registries_get_plain_http(void **state) {
    RegistryConfig config = {};
    json_texts_add(&config.insecure, "plain.example:5000");
    json_texts_add(&config.insecure, "10.1.0.0/16");
    json_texts_add(&config.insecure, "fd00::/8");
    static const struct {
        const char *domain;
        bool http;
    } rows[] = {
        {"localhost:5000", true},
        {"127.1.2.3", true},
        {"[::1]:5000", true},
        {"plain.example:5000", true},
        {"10.1.200.3:80", true},
        {"[fd00::1]:80", true},
        {"plain.example", false},
        {"plain.example:5001", false},
        {"10.2.0.1", false},
        {"[fe80::1]:80", false},
        {"localhost.example", false},
        {"127.0.0.1.example", false},
        {"ghcr.io", false},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        Endpoints endpoints = list(&config, rows[i].domain);
        bool http = false;
        for (size_t j = 0; j < endpoints.n; j++) {
            http = http || text_starts(endpoints.item[j].base, "http://");
            if (text_starts(endpoints.item[j].base, "http://"))
                assert_int_equal(endpoints.item[j].credentials, endpoints.item[j].loopback);
        }
        if (http != rows[i].http)
            fail_msg("%s", rows[i].domain);
        assert_true(text_starts(endpoints.item[0].base, "https://"));
        assert_int_equal(endpoints.item[0].verify, !rows[i].http);
        endpoints_done(&endpoints);
    }
    registry_config_done(&config);
}

static void mirrors_stand_before_docker_hub_without_credentials(void **state) {
    RegistryConfig config = {};
    json_texts_add(&config.mirrors, "https://mirror.example/prefix/");
    json_texts_add(&config.mirrors, "http://127.0.0.1:5000");
    Endpoints endpoints = list(&config, "docker.io");
    assert_int_equal(endpoints.n, 3);
    assert_string_equal(endpoints.item[0].base, "https://mirror.example/prefix");
    assert_string_equal(endpoints.item[1].base, "http://127.0.0.1:5000");
    assert_string_equal(endpoints.item[2].base, "https://registry-1.docker.io");
    assert_false(endpoints.item[0].credentials);
    assert_false(endpoints.item[1].credentials);
    assert_true(endpoints.item[2].credentials);
    endpoints_done(&endpoints);
    endpoints = list(&config, "ghcr.io");
    assert_int_equal(endpoints.n, 1);
    endpoints_done(&endpoints);
    json_texts_add(&config.mirrors, "http://mirror.example");
    FAILS(ERROR_INVALID, "not encrypted",
        endpoints_list(&config, "docker.io", "library/x", &endpoints, err));
    endpoints_done(&endpoints);
    registry_config_done(&config);
}

static void realms_get_credentials_only_where_nobody_listens(void **state) {
    static const Endpoint tls = {.base = (char *)"https://r.example", .credentials = true};
    static const Endpoint local = {
        .base = (char *)"http://127.0.0.1:5000", .loopback = true, .credentials = true};
    static const Endpoint plain = {.base = (char *)"http://r.example"};
    static const Endpoint mirror = {.base = (char *)"https://m.example", .mirror = true};
    static const struct {
        const Endpoint *endpoint;
        const char *realm;
        bool allowed, trusted;
    } rows[] = {
        {&tls, "https://auth.example/token", true, true},
        {&tls, "http://auth.example/token", false, false},
        {&tls, "http://127.0.0.1/token", false, true},
        {&tls, "file:///etc/passwd", false, false},
        {&local, "http://127.0.0.1:6000/token", true, true},
        {&local, "http://auth.example/token", false, false},
        {&local, "http://127.0.0.1@auth.example/token", false, false},
        {&local, "https://auth.example/token", true, true},
        {&plain, "http://auth.example/token", true, false},
        {&plain, "https://auth.example/token", true, false},
        {&mirror, "https://auth.example/token", true, false},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        bool allowed = endpoint_allows_realm(rows[i].endpoint, rows[i].realm);
        if (allowed != rows[i].allowed)
            fail_msg("row %zu", i);
        if (allowed && endpoint_trusts_realm(rows[i].endpoint, rows[i].realm) != rows[i].trusted)
            fail_msg("row %zu", i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_loopback_and_configured_registries_get_plain_http),
        cmocka_unit_test(mirrors_stand_before_docker_hub_without_credentials),
        cmocka_unit_test(realms_get_credentials_only_where_nobody_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
