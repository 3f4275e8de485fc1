// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <stdio.h>

#include "base/time.h"
#include "engine/event/event.h"
#include "test.h"

static void every_listener_hears_everything_after_it_came(void **state) {
    autoptr(Events) events = events_new();
    const Event *event;
    uint64_t lost;
    event_publish(events, &(Event){.type = "image", .action = "pull", .id = "before"});
    EventListener *a = event_listen(events), *b = event_listen(events);
    Event published = {.type = "image", .action = "tag", .id = "x"};
    json_map_set(&published.attributes, "name", "busybox");
    event_publish(events, &published);
    EventListener *both[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        SUCCEEDS(event_next(both[i], 0, &event, &lost, err));
        assert_string_equal(event->id, "x");
        assert_string_equal(json_map_find(&event->attributes, "name"), "busybox");
        assert_true(event->time > 0);
        assert_int_equal(lost, 0);
        FAILS(ERROR_TIMEOUT, "", event_next(both[i], 0, &event, &lost, err));
    }
    event_unlisten(a);
    event_unlisten(b);
    free(published.attributes.key[0]);
    free(published.attributes.value[0]);
    free(published.attributes.key);
    free(published.attributes.value);
}

static void a_slow_listener_loses_the_oldest_and_is_told(void **state) {
    autoptr(Events) events = events_new();
    autoptr(EventListener) listener = event_listen(events);
    const Event *event;
    uint64_t lost;
    for (int i = 0; i < 1030; i++) {
        char id[16];
        snprintf(id, sizeof(id), "%d", i);
        event_publish(events, &(Event){.type = "t", .action = "a", .id = id});
    }
    SUCCEEDS(event_next(listener, 0, &event, &lost, err));
    assert_int_equal(lost, 6);
    assert_string_equal(event->id, "6");
    SUCCEEDS(event_next(listener, 0, &event, &lost, err));
    assert_int_equal(lost, 0);
}

static void *interrupt_later(void *listener) {
    time_sleep(20 * TIME_MILLISECOND);
    event_interrupt(listener);
    return NULL;
}

static void interruption_ends_waiting(void **state) {
    autoptr(Events) events = events_new();
    autoptr(EventListener) listener = event_listen(events);
    const Event *event;
    uint64_t lost;
    pthread_t thread;
    pthread_create(&thread, NULL, interrupt_later, listener);
    FAILS(ERROR_CANCELLED, "", event_next(listener, -1, &event, &lost, err));
    pthread_join(thread, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_listener_hears_everything_after_it_came),
        cmocka_unit_test(a_slow_listener_loses_the_oldest_and_is_told),
        cmocka_unit_test(interruption_ends_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
