// SPDX-License-Identifier: Apache-2.0
#include "engine/image/platform.h"
#include "test.h"

static void platforms_are_read_as_users_write_them(void **state) {
    static const struct {
        const char *text, *platform;
    } rows[] = {
        {"linux/amd64", "linux/amd64"},
        {"linux/arm64", "linux/arm64"},
        {"linux/arm/v6", "linux/arm/v6"},
        {"arm64", "linux/arm64"},
        {"linux/arm64/v8", "linux/arm64"},
        {"armhf", "linux/arm/v7"},
        {"linux/x86_64", "linux/amd64"},
        {"windows/amd64", "windows/amd64"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        Platform platform;
        char text[PLATFORM_TEXT_SIZE];
        SUCCEEDS(platform_parse(rows[i].text, &platform, err));
        assert_string_equal(platform_format(&platform, text), rows[i].platform);
    }
    Platform platform;
    FAILS(ERROR_INVALID, "\"a/b/c/d\": cannot parse platform",
        platform_parse("a/b/c/d", &platform, err));
    FAILS(ERROR_INVALID, "cannot parse platform", platform_parse("linux/", &platform, err));
    FAILS(ERROR_INVALID, "cannot parse platform", platform_parse("li nux/amd64", &platform, err));
    FAILS(ERROR_INVALID, "\"bogus\": unknown operating system or architecture",
        platform_parse("bogus", &platform, err));
}

#define ENTRY(digest, platform) "{\"digest\":\"" digest "\",\"size\":1,\"platform\":" platform "}"
static const char index_text[] = "{\"manifests\":[" ENTRY(
    "attestation", "{\"os\":\"unknown\",\"architecture\":\"unknown\"}") "," ENTRY("v5",
    "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v5\"}") "," ENTRY("v7",
    "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"}") "," ENTRY("arm64",
    "{\"os\":\"linux\",\"architecture\":\"arm64\"}") "," ENTRY("amd64v3",
    "{\"os\":\"linux\",\"architecture\":\"amd64\",\"variant\":\"v3\"}") "," ENTRY("windows",
    "{\"os\":\"windows\",\"architecture\":\"amd64\"}") "," ENTRY("amd64",
    "{\"os\":\"linux\",\"architecture\":\"amd64\"}") "]}";

static void the_best_of_an_index_is_chosen(void **state) {
    static const struct {
        const char *wanted, *digest;
    } rows[] = {
        {"linux/amd64", "amd64"},
        {"linux/arm64", "arm64"},
        {"linux/arm64/v8", "arm64"},
        {"linux/arm/v7", "v7"},
        {"linux/arm/v6", "v5"},
        {"linux/s390x", NULL},
        {"unknown/unknown", "attestation"},
    };
    autodone(OciIndex) index = {};
    SUCCEEDS(json_decode(&oci_index_type, index_text, strlen(index_text), &index, err));
    for (size_t i = 0; i < array_size(rows); i++) {
        Platform platform;
        SUCCEEDS(platform_parse(rows[i].wanted, &platform, err));
        const OciDescriptor *chosen = platform_choose(&platform, &index);
        if (!rows[i].digest)
            assert_null(chosen);
        else
            assert_string_equal(chosen->digest, rows[i].digest);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(platforms_are_read_as_users_write_them),
        cmocka_unit_test(the_best_of_an_index_is_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
