// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/crew/crew.h"

#include <cmocka.h>

enum {
    NUMBERS = 1000
};

typedef struct Seen {
    atomic_int times[NUMBERS];
    size_t last; /* at which the work is over */
} Seen;

static bool see(void *user, size_t index) {
    Seen *seen = user;
    atomic_fetch_add(&seen->times[index], 1);
    return index != seen->last;
}

static void test_each_number_is_given_out_once(void **state) {
    static const size_t threads[] = {0, 1, 3, 1000};
    for (size_t i = 0; i < 4; i++) {
        Seen seen = {.last = NUMBERS};
        crew_run(&(Crew){NUMBERS, threads[i], see, &seen});
        for (size_t number = 0; number < NUMBERS; number++)
            assert_int_equal(seen.times[number], 1);
    }
}

static void test_nothing_is_given_out_after_an_end(void **state) {
    Seen seen = {.last = 5};
    crew_run(&(Crew){NUMBERS, 1, see, &seen});
    for (size_t number = 0; number < NUMBERS; number++)
        assert_int_equal(seen.times[number], number <= 5);
    crew_run(&(Crew){0, 4, see, &seen});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_number_is_given_out_once),
        cmocka_unit_test(test_nothing_is_given_out_after_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
