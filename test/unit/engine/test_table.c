// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/container/private.h"

#include <cmocka.h>

static Containers containers;

static Container *add(const char *start, const char *name, Error *err) {
    autoptr(ContainerRecord) record = container_record_new();
    char id[65];
    memset(id, '0', 64);
    id[64] = '\0';
    memcpy(id, start, strlen(start));
    record->id = text_copy(id);
    record->name = text_copy(name);
    record->created = (JsonInt){true, (int64_t)containers.n};
    Container *container = NULL;
    return table_add(&containers, record, true, &container, err) < 0 ? NULL : container;
}

static int set_up(void **state) {
    containers = (Containers){};
    pthread_mutex_init(&containers.mutex, NULL);
    pthread_cond_init(&containers.changed, NULL);
    static const char *const rows[][2] = {
        {"abc1", "one"}, {"abc2", "two"}, {"1234", "abc"}, {"fff", "1234"}};
    for (size_t i = 0; i < 4; i++) {
        Error err = {};
        Container *container = add(rows[i][0], rows[i][1], &err);
        assert_non_null(container);
        container_unref(container);
    }
    return 0;
}

static int tear_down(void **state) {
    while (containers.n)
        table_remove(&containers, containers.container[0]);
    free(containers.container);
    return 0;
}

static void finds(const char *reference, const char *name) {
    autoptr(ContainerRecord) record = NULL;
    Error err = {};
    if (container_find(&containers, reference, &record, &err) < 0)
        fail_msg("%s: %s", reference, err.message);
    assert_string_equal(record->name, name);
}

static void references_are_ids_names_and_prefixes(void **state) {
    char id[65];
    memset(id, '0', 64);
    id[64] = '\0';
    memcpy(id, "abc1", 4);
    finds(id, "one");
    finds("one", "one");
    finds("/one", "one");
    finds("abc1", "one");
    finds("abc2000", "two");
    finds("f", "1234");
}

/* Docker's order: a name wins over a prefix. */
static void names_come_before_prefixes(void **state) {
    finds("abc", "abc");
    finds("1234", "1234");
}

static void ambiguous_and_unknown_references_are_errors(void **state) {
    autoptr(ContainerRecord) record = NULL;
    Error err = {};
    assert_int_equal(container_find(&containers, "ab", &record, &err), ERROR_INVALID);
    assert_string_equal(err.message, "multiple IDs found with provided prefix: ab");
    assert_int_equal(container_find(&containers, "nope", &record, &err), ERROR_NOT_FOUND);
    assert_string_equal(err.message, "No such container: nope");
    assert_int_equal(container_find(&containers, "", &record, &err), ERROR_NOT_FOUND);
}

static void a_name_is_held_once(void **state) {
    Error err = {};
    assert_null(add("777", "one", &err));
    assert_int_equal(err.code, ERROR_EXISTS);
    assert_non_null(
        strstr(err.message, "Conflict. The container name \"/one\" is already in use by "
                            "container \"abc1"));
    autoptr(Container) one = NULL;
    assert_int_equal(table_find(&containers, "one", &one, &err), 0);
    table_remove(&containers, one);
    autoptr(Container) again = add("777", "one", &err);
    assert_non_null(again);
}

static void lists_are_newest_first(void **state) {
    autodone(ContainerRecords) records = {};
    container_list(&containers, &records);
    assert_int_equal(records.n, 4);
    assert_string_equal(records.item[0]->name, "1234");
    assert_string_equal(records.item[3]->name, "one");
}

typedef struct Heard {
    int calls, exit_code;
} Heard;

static void hear(ContainerWaiter *waiter, int exit_code, const char *error) {
    Heard *heard = waiter->user;
    heard->calls++;
    heard->exit_code = exit_code;
}

static void waiters_hear_once_or_are_cancelled(void **state) {
    Heard now = {}, next = {}, cancelled = {}, late = {};
    ContainerWaiter a = {hear, &now}, b = {hear, &next}, c = {hear, &cancelled}, d = {hear, &late};
    autoptr(Container) one = NULL;
    Error err = {};
    assert_int_equal(table_find(&containers, "one", &one, &err), 0);
    assert_int_equal(container_wait(&containers, "one", CONTAINER_NOT_RUNNING, &a, &err), 0);
    assert_int_equal(now.calls, 1); /* created is not running */
    assert_int_equal(container_wait(&containers, "one", CONTAINER_NEXT_EXIT, &b, &err), 0);
    assert_int_equal(container_wait(&containers, "one", CONTAINER_REMOVED, &c, &err), 0);
    assert_int_equal(container_wait(&containers, "one", CONTAINER_REMOVED, &d, &err), 0);
    assert_true(container_wait_cancel(&containers, &c));
    assert_false(container_wait_cancel(&containers, &c));
    one->record->state->exit_code = (JsonInt){true, 3};
    waiters_wake(&containers, one, CONTAINER_NOT_RUNNING, 3);
    assert_int_equal(next.calls, 1);
    assert_int_equal(next.exit_code, 3);
    assert_int_equal(late.calls, 0);
    table_remove(&containers, one);
    waiters_wake(&containers, one, CONTAINER_REMOVED, 0);
    assert_int_equal(late.calls, 1);
    assert_int_equal(cancelled.calls, 0);
    assert_int_equal(
        container_wait(&containers, "one", CONTAINER_REMOVED, &a, &err), ERROR_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(references_are_ids_names_and_prefixes),
        TEST(names_come_before_prefixes),
        TEST(ambiguous_and_unknown_references_are_errors),
        TEST(a_name_is_held_once),
        TEST(lists_are_newest_first),
        TEST(waiters_hear_once_or_are_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
