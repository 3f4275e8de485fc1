// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/reference.h"
#include "test.h"

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LONG_TAG "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void names_are_completed_as_docker_does(void **state) {
    static const struct {
        const char *text, *canonical, *familiar;
    } rows[] = {
        {"busybox", "docker.io/library/busybox:latest", "busybox:latest"},
        {"busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"},
        {"library/busybox", "docker.io/library/busybox:latest", "busybox:latest"},
        {"docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"},
        {"index.docker.io/a/b", "docker.io/a/b:latest", "a/b:latest"},
        {"docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"},
        {"user/name:tag", "docker.io/user/name:tag", "user/name:tag"},
        {"localhost/a", "localhost/a:latest", "localhost/a:latest"},
        {"localhost:5000/a", "localhost:5000/a:latest", "localhost:5000/a:latest"},
        {"[::1]:5000/a:b", "[::1]:5000/a:b", "[::1]:5000/a:b"},
        {"HOST/a", "HOST/a:latest", "HOST/a:latest"},
        {"registry.cn-x.aliyuncs.com/n/r:v", "registry.cn-x.aliyuncs.com/n/r:v",
            "registry.cn-x.aliyuncs.com/n/r:v"},
        {"busybox@" DIGEST, "docker.io/library/busybox@" DIGEST, "busybox@" DIGEST},
        {"busybox:1@" DIGEST, "docker.io/library/busybox@" DIGEST, "busybox@" DIGEST},
        {"a__b/c-----d.e_f", "docker.io/a__b/c-----d.e_f:latest", "a__b/c-----d.e_f:latest"},
        {"a:B.-_", "docker.io/library/a:B.-_", "a:B.-_"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        autodone(Reference) reference = {};
        SUCCEEDS(reference_parse(rows[i].text, &reference, err));
        autofree char *canonical = reference_canonical(&reference);
        autofree char *familiar = reference_familiar(&reference);
        assert_string_equal(canonical, rows[i].canonical);
        assert_string_equal(familiar, rows[i].familiar);
    }
}

static void canonical_names_parse_to_themselves(void **state) {
    static const char *const rows[] = {"docker.io/library/a:b", "h:1/c/d@" DIGEST};
    for (size_t i = 0; i < array_size(rows); i++) {
        autodone(Reference) reference = {};
        SUCCEEDS(reference_parse(rows[i], &reference, err));
        autofree char *canonical = reference_canonical(&reference);
        assert_string_equal(canonical, rows[i]);
    }
}

static void bad_names_are_refused(void **state) {
    static const char *const rows[] = {"", ":", "a:", "a:b:c", "a@", "a@sha256:12", "-a", "a-",
        "a_", "a..b", "a___b", "/a", "a/", "a//b", "a b", "a:-b", "a:" LONG_TAG LONG_TAG "a",
        "h:x/a", "h:/a", "-h.x/a", "h-.x/a", "[::1/a", "a/../b", "a\n", "\xc3\xa9", "a@md5:0123",
        "a.b/", "https://a/b", "a@" DIGEST "x"};
    for (size_t i = 0; i < array_size(rows); i++) {
        autodone(Reference) reference = {};
        Error error;
        if (reference_parse(rows[i], &reference, &error) != ERROR_INVALID)
            fail_msg("'%s' is taken", rows[i]);
    }
    autodone(Reference) reference = {};
    FAILS(ERROR_INVALID, "invalid reference format", reference_parse("a b", &reference, err));
    FAILS(ERROR_INVALID,
        "invalid reference format: repository name (library/BusyBox) must be"
        " lowercase",
        reference_parse("BusyBox:x", &reference, err));
    FAILS(ERROR_INVALID, "cannot specify 64-byte hexadecimal strings",
        reference_parse(DIGEST + 7, &reference, err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_completed_as_docker_does),
        cmocka_unit_test(canonical_names_parse_to_themselves),
        cmocka_unit_test(bad_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
