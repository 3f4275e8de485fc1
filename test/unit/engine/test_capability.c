// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/text.h"
#include "engine/container/spec/capability.h"

#include <cmocka.h>

static int choose(const char *add, const char *drop, bool privileged, JsonTexts *ret, Error *err) {
    autotexts char **adds = texts_split(add, ','), **drops = texts_split(drop, ',');
    JsonTexts a = {.n = texts_count(adds), .item = adds},
              d = {.n = texts_count(drops), .item = drops};
    const CapabilityChoice choice = {&a, &d, privileged};
    *ret = (JsonTexts){};
    return capability_choose(&choice, ret, err);
}

static bool holds(const JsonTexts *set, const char *name) {
    for (size_t i = 0; i < set->n; i++) {
        if (text_equal(set->item[i], name))
            return true;
    }
    return false;
}

static void the_default_is_dockers_fourteen(void **state) {
    autodone(JsonTexts) set;
    Error err = {};
    assert_int_equal(choose("", "", false, &set, &err), 0);
    assert_int_equal(set.n, 14);
    assert_true(holds(&set, "CAP_NET_RAW"));
    assert_false(holds(&set, "CAP_SYS_ADMIN"));
}

static void names_are_read_in_any_spelling(void **state) {
    autodone(JsonTexts) set;
    Error err = {};
    assert_int_equal(choose("", "cap_net_raw,Chown,CAP_KILL", false, &set, &err), 0);
    assert_int_equal(set.n, 11);
    assert_false(holds(&set, "CAP_CHOWN"));
}

static void all_means_all(void **state) {
    autodone(JsonTexts) none, some, most, privileged;
    Error err = {};
    size_t available = 0;
    for (int i = 0; i <= 40; i++)
        available += prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1;
    assert_int_equal(choose("", "ALL", false, &none, &err), 0);
    assert_int_equal(none.n, 0);
    assert_int_equal(choose("chown", "all", false, &some, &err), 0);
    assert_int_equal(some.n, 1);
    assert_int_equal(choose("ALL", "CHOWN", false, &most, &err), 0);
    assert_int_equal(most.n, available - 1);
    assert_int_equal(choose("", "", true, &privileged, &err), 0);
    assert_int_equal(privileged.n, available);
}

static void unknown_names_are_refused(void **state) {
    autodone(JsonTexts) set;
    Error err = {};
    assert_int_equal(choose("FLY", "", false, &set, &err), ERROR_INVALID);
    assert_string_equal(err.message, "unknown capability: \"CAP_FLY\"");
    assert_int_equal(choose("", "CAP_", false, &set, &err), ERROR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_is_dockers_fourteen),
        cmocka_unit_test(names_are_read_in_any_spelling),
        cmocka_unit_test(all_means_all),
        cmocka_unit_test(unknown_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
