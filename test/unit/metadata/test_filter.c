// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/filter/filter.h"

#include <cmocka.h>

static const char *field(const void *object, char *const *path, size_t n) {
    const JsonMap *map = object;
    return text_equal(path[0], "labels") ? filter_find(map, path + 1, n - 1)
           : n == 1                      ? json_map_find(map, path[0])
                                         : NULL;
}

static bool matches(const char *text) {
    JsonMap map = {};
    json_map_set(&map, "name", "docker.io/library/busybox:latest");
    json_map_set(&map, "kind", "active");
    json_map_set(&map, "com.example/role", "web, front");
    json_map_set(&map, "empty", "");
    autoptr(Filter) filter = NULL;
    Error err = {};
    char *texts[] = {(char *)(uintptr_t)text};
    assert_int_equal(filter_parse(texts, 1, &filter, &err), 0);
    bool matched = filter_matches(filter, field, &map);
    json_map_done(&map);
    return matched;
}

static void selectors_hold_as_in_containerd(void **state) {
    static const struct {
        const char *filter;
        bool matches;
    } rows[] = {
        {"", true},
        {"name", true},
        {"nothing", false},
        {"name==docker.io/library/busybox:latest", true},
        {"name==busybox", false},
        {"name!=busybox", true},
        {"nothing!=busybox", true},
        {"name~=busybox", true},
        {"name~=/^docker.*latest$/", true},
        {"name~=|^busybox|", false},
        {"name~=\"busy(box|bee)\"", true},
        {"kind==active,name~=busybox", true},
        {"kind==view,name~=busybox", false},
        {"labels.\"com.example/role\"==\"web, front\"", true},
        {"labels.\"com.example/role\"", true},
        {"labels.com.\"example/role\"", true},
        {"labels.\"no\"", false},
        {"empty==\"\"", true},
        {"kind==active,", true},
        {" kind==active , name ", true},
    };
    for (size_t i = 0; i < array_size(rows); i++)
        if (matches(rows[i].filter) != rows[i].matches)
            fail_msg("filter %s", rows[i].filter);
}

static void one_of_several_filters_is_enough(void **state) {
    JsonMap map = {};
    Error err = {};
    autoptr(Filter) filter = NULL;
    autoptr(Filter) none = NULL;
    char *texts[] = {"kind==view", "kind==active"};
    json_map_set(&map, "kind", "active");
    assert_int_equal(filter_parse(texts, 2, &filter, &err), 0);
    assert_int_equal(filter_parse(NULL, 0, &none, &err), 0);
    assert_true(filter_matches(filter, field, &map));
    assert_true(filter_matches(none, field, &map));
    json_map_done(&map);
}

static void what_is_no_filter_is_refused(void **state) {
    static const char *const bad[] = {"==x", "empty==", "name=x", "name==\"x", "name~=(",
        "name~=a{1,200}", "name. ==x", "name==x y", "name==\"x\"y", ",", "name==\"\\"};
    for (size_t i = 0; i < array_size(bad); i++) {
        Error err = {};
        Filter *filter = NULL;
        char *texts[] = {(char *)(uintptr_t)bad[i]};
        if (filter_parse(texts, 1, &filter, &err) != ERROR_INVALID)
            fail_msg("filter %s", bad[i]);
    }
}

static void filters_are_bounded(void **state) {
    Error err = {};
    Filter *filter = NULL;
    char *texts[65], *longest[1];
    for (size_t i = 0; i < array_size(texts); i++)
        texts[i] = "name";
    assert_int_equal(filter_parse(texts, array_size(texts), &filter, &err), ERROR_INVALID);
    longest[0] = text_format("name==%5000d", 1);
    assert_int_equal(filter_parse(longest, 1, &filter, &err), ERROR_INVALID);
    free(longest[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selectors_hold_as_in_containerd),
        cmocka_unit_test(one_of_several_filters_is_enough),
        cmocka_unit_test(what_is_no_filter_is_refused),
        cmocka_unit_test(filters_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
