// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "base/memory.h"
#include "test.h"

static int compare(const void *key, const void *item) {
    int a = *(const int *)key, b = *(const int *)item;
    return (a > b) - (a < b);
}

static size_t place_of(int value, const int *items, size_t n) {
    return array_place(&value, items, n, sizeof *items, compare);
}

static void test_what_is_put_at_its_place_makes_a_sorted_array(void **state) {
    int *items = NULL;
    size_t n = 0;
    for (int i = 0; i < 100; i++) {
        int value = i * 37 % 100;
        array_insert(items, n, place_of(value, items, n), value);
    }
    for (int i = 0; i < 100; i++) {
        assert_int_equal(items[i], i);
        assert_int_equal(place_of(i, items, n), i);
    }
    assert_int_equal(place_of(-1, items, n), 0);
    assert_int_equal(place_of(100, items, n), 100);
    array_remove(items, n, 99);
    array_remove(items, n, 0);
    assert_int_equal(n, 98);
    assert_int_equal(items[0], 1);
    assert_int_equal(items[97], 98);
    free(items);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_put_at_its_place_makes_a_sorted_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
