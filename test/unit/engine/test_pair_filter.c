// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/filter/pair.h"

#include <cmocka.h>

typedef struct Fruit {
    const char *name;
    JsonMap labels;
} Fruit;

static bool match_name(const void *context, const void *object, const char *value) {
    return pair_match_name(((const Fruit *)object)->name, value);
}

static bool match_label(const void *context, const void *object, const char *value) {
    return pair_match_label(&((const Fruit *)object)->labels, value);
}

static bool match_no_label(const void *context, const void *object, const char *value) {
    return !match_label(context, object, value);
}

static bool match_ripe(const void *context, const void *object, const char *value) {
    return pair_is_true(value);
}

static int check_season(const void *context, const char *value, Error *err) {
    return text_equal(context, value) ? 0 : error_set(err, ERROR_NOT_FOUND, "no %s here", value);
}

static const PairRow rows[] = {
    {"label!=", match_no_label, .all_must_hold = true},
    {"label=", match_label, .all_must_hold = true},
    {"name=", match_name},
    {"ripe=", match_ripe, .is_valid = pair_is_boolean},
    {"season=", match_ripe, .check = check_season},
};

static PairFilter filter_of(char *const *texts) {
    PairFilter filter = {rows, array_size(rows), "summer", texts, 0};
    while (texts[filter.n])
        filter.n++;
    return filter;
}

static void filters_of_one_key_are_alternatives_and_labels_are_not(void **state) {
    static const struct {
        char *text[4];
        bool holds;
    } cases[] = {
        {{NULL}, true},
        {{"name=pear"}, true},
        {{"name=e.r$"}, true},
        {{"name=("}, false},
        {{"name=apple"}, false},
        {{"name=apple", "name=pear"}, true},
        {{"label=colour"}, true},
        {{"label=colour=green"}, true},
        {{"label=colour=red"}, false},
        {{"label=colour", "label=shape"}, false},
        {{"label!=shape", "label=colour"}, true},
        {{"label!=colour"}, false},
        {{"name=apple", "name=pear", "label=colour=green", "ripe=1"}, true},
        {{"name=pear", "ripe=0"}, false},
    };
    Fruit pear = {.name = "pear"};
    json_map_set(&pear.labels, "colour", "green");
    for (size_t i = 0; i < array_size(cases); i++) {
        char *texts[5] = {};
        memcpy(texts, cases[i].text, sizeof cases[i].text);
        const PairFilter filter = filter_of(texts);
        if (pair_filter_matches(&filter, &pear) != cases[i].holds)
            fail_msg("%s %s", texts[0], texts[0] && texts[1] ? texts[1] : "");
    }
    json_map_done(&pear.labels);
}

static void unknown_filters_are_refused_in_the_users_words(void **state) {
    static const struct {
        char *text;
        int code;
        const char *message;
    } cases[] = {
        {"name=x", 0, ""},
        {"name=", 0, ""},
        {"season=summer", 0, ""},
        {"season=winter", ERROR_NOT_FOUND, "no winter here"},
        {"ripe=perhaps", ERROR_INVALID, "invalid filter 'ripe=perhaps'"},
        {"name", ERROR_INVALID, "invalid filter 'name'"},
        {"name!=x", ERROR_INVALID, "invalid filter 'name!=x'"},
        {"", ERROR_INVALID, "invalid filter ''"},
        {"taste=sweet", ERROR_INVALID, "invalid filter 'taste=sweet'"},
    };
    for (size_t i = 0; i < array_size(cases); i++) {
        Error err = {};
        char *texts[] = {"name=a", cases[i].text, NULL};
        const PairFilter filter = filter_of(texts);
        assert_int_equal(pair_filter_check(&filter, &err), cases[i].code);
        assert_string_equal(err.message, cases[i].message);
    }
}

static void a_list_can_see_what_is_asked_for(void **state) {
    char *texts[] = {"name=a", "label!=b", NULL};
    const PairFilter filter = filter_of(texts);
    assert_true(pair_filter_asks(&filter, "name="));
    assert_false(pair_filter_asks(&filter, "label="));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_of_one_key_are_alternatives_and_labels_are_not),
        cmocka_unit_test(unknown_filters_are_refused_in_the_users_words),
        cmocka_unit_test(a_list_can_see_what_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
