// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/metadata/check.h"

#include <cmocka.h>

static void identifiers_are_containerds(void **state) {
    static const char *const good[] = {"default", "k8s.io", "a", "A-b_c.d", "0"};
    static const char *const bad[] = {"", "-a", "a-", "a..b", "a/b", "a b", "\xc3\xa4", "."};
    Error err = {};
    for (size_t i = 0; i < array_size(good); i++)
        assert_int_equal(check_identifier(good[i], &err), 0);
    for (size_t i = 0; i < array_size(bad); i++)
        assert_int_equal(check_identifier(bad[i], &err), ERROR_INVALID);
    char longest[78] = {};
    memset(longest, 'a', 77);
    assert_int_equal(check_identifier(longest, &err), ERROR_INVALID);
    longest[76] = '\0';
    assert_int_equal(check_identifier(longest, &err), 0);
}

static void a_label_has_4096_bytes_at_most(void **state) {
    JsonMap labels = {};
    Error err = {};
    autofree char *value = text_format("%4093d", 1), *longer = text_format("%4094d", 1);
    json_map_set(&labels, "key", value);
    assert_int_equal(check_labels(&labels, &err), 0);
    json_map_set(&labels, "key", longer);
    assert_int_equal(check_labels(&labels, &err), ERROR_INVALID);
    json_map_done(&labels);
}

static void a_mask_changes_all_labels_or_one(void **state) {
    JsonMap labels = {}, given = {};
    json_map_set(&labels, "a", "1");
    json_map_set(&labels, "b", "2");
    json_map_set(&given, "a", "3");
    json_map_set(&given, "c.d/e", "4");
    assert_true(labels_apply(&labels, &given, "labels.c.d/e"));
    assert_string_equal(json_map_find(&labels, "a"), "1");
    assert_string_equal(json_map_find(&labels, "c.d/e"), "4");
    assert_true(labels_apply(&labels, &given, "labels.b")); /* not given: removed */
    assert_null(json_map_find(&labels, "b"));
    assert_true(labels_apply(&labels, &given, "labels"));
    assert_string_equal(json_map_find(&labels, "a"), "3");
    assert_int_equal(labels.n, 2);
    assert_false(labels_apply(&labels, &given, "target"));
    json_map_done(&labels);
    json_map_done(&given);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identifiers_are_containerds),
        cmocka_unit_test(a_label_has_4096_bytes_at_most),
        cmocka_unit_test(a_mask_changes_all_labels_or_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
