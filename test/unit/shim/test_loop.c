// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "shim/loop.h"

#include <cmocka.h>

typedef struct World {
    Loop loop;
    int pipes[2][2];
    LoopSource sources[2];
    LoopTimer timers[3];
    char order[16];
    size_t n;
} World;

static int set_up(void **state) {
    static World world;
    Error err = {};
    memset(&world, 0, sizeof world);
    if (loop_init(&world.loop, &err) < 0 || pipe(world.pipes[0]) < 0 || pipe(world.pipes[1]) < 0)
        return -1;
    *state = &world;
    return 0;
}

static int tear_down(void **state) {
    World *world = *state;
    loop_done(&world->loop);
    for (int i = 0; i < 4; i++)
        close(world->pipes[i / 2][i % 2]);
    return 0;
}

static void run(World *world) {
    Error err = {};
    assert_int_equal(loop_run(&world->loop, &err), 0);
}

static World *current;
static void note(void *owner, uint32_t events) {
    current->order[current->n++] = *(const char *)owner;
    if (current->n == 3)
        loop_stop(&current->loop);
}

static void timers_fire_in_their_order(void **state) {
    World *world = current = *state;
    static const char names[] = "abc";
    static const int delays[] = {3, 1, 2};
    for (int i = 0; i < 3; i++) {
        world->timers[i] = (LoopTimer){.handle = note, .owner = (void *)&names[i]};
        loop_arm(&world->loop, &world->timers[i], delays[i] * TIME_MILLISECOND);
    }
    run(world);
    assert_string_equal(world->order, "bca");
}

static void a_disarmed_timer_does_not_fire(void **state) {
    World *world = current = *state;
    static const char names[] = "abc";
    for (int i = 0; i < 3; i++) {
        world->timers[i] = (LoopTimer){.handle = note, .owner = (void *)&names[i]};
        loop_arm(&world->loop, &world->timers[i], i * TIME_MILLISECOND);
    }
    loop_disarm(&world->loop, &world->timers[1]);
    loop_disarm(&world->loop, &world->timers[1]);
    world->n = 1;
    run(world);
    assert_string_equal(world->order + 1, "ac");
}

/* Both are ready; whoever comes first removes the other. */
static void remove_other(void *owner, uint32_t events) {
    World *world = current;
    world->n++;
    loop_watch(&world->loop, owner, 0);
    loop_stop(&world->loop);
}

static void a_removed_source_is_not_called_any_more(void **state) {
    World *world = current = *state;
    for (int i = 0; i < 2; i++) {
        world->sources[i] = (LoopSource){world->pipes[i][0], remove_other, &world->sources[!i], 0};
        loop_watch(&world->loop, &world->sources[i], EPOLLIN);
        assert_int_equal(write(world->pipes[i][1], "x", 1), 1);
    }
    run(world);
    assert_int_equal(world->n, 1);
}

static void count_then_stop(void *owner, uint32_t events) {
    World *world = current;
    world->n++;
    loop_stop(&world->loop);
}

static void a_hang_up_is_silent_while_nothing_is_watched(void **state) {
    World *world = current = *state;
    world->sources[0] = (LoopSource){world->pipes[0][0], count_then_stop, NULL, 0};
    world->timers[0] = (LoopTimer){.handle = count_then_stop};
    loop_watch(&world->loop, &world->sources[0], EPOLLIN);
    loop_watch(&world->loop, &world->sources[0], 0);
    close(world->pipes[0][1]);
    world->pipes[0][1] = dup(world->pipes[1][1]);
    loop_arm(&world->loop, &world->timers[0], 5 * TIME_MILLISECOND);
    int64_t start = time_monotonic();
    run(world);
    assert_true(time_monotonic() - start >= 5 * TIME_MILLISECOND);
    assert_int_equal(world->n, 1);
}

/* Takes its byte, so that it is called once for each. */
static void take(void *owner, uint32_t events) {
    LoopSource *source = owner;
    World *world = current;
    char byte;
    assert_int_equal(read(source->fd, &byte, 1), 1);
    world->order[world->n++] = source == &world->sources[0] ? 'f' : 'o';
    if (byte == 'q')
        loop_stop(&world->loop);
}

static void watch_both(World *world) {
    for (int i = 0; i < 2; i++) {
        world->sources[i] = (LoopSource){
            .fd = world->pipes[i][0], .handle = take, .owner = &world->sources[i], .flow = i == 0};
        loop_watch(&world->loop, &world->sources[i], EPOLLIN);
        assert_int_equal(write(world->pipes[i][1], i == 0 ? "x" : "q", 1), 1);
    }
}

static void whoever_awaits_serves_flows_only(void **state) {
    World *world = current = *state;
    Error err = {};
    watch_both(world);
    static const char timer[] = "t";
    world->timers[0] = (LoopTimer){.handle = note, .owner = (void *)timer};
    loop_arm(&world->loop, &world->timers[0], 0);
    assert_int_equal(loop_await(&world->loop, -1, 5 * TIME_MILLISECOND, &err), ERROR_TIMEOUT);
    assert_string_equal(world->order, "f");
    run(world); /* all else comes then */
    assert_int_equal(world->n, 3);
    assert_non_null(strchr(world->order, 'o'));
    assert_non_null(strchr(world->order, 't'));
}

/* From the second byte on: by then the other one is aside, as both were ready at first. */
static void take_and_remove_other(void *owner, uint32_t events) {
    World *world = current;
    take(owner, events);
    if (world->n == 2)
        loop_watch(&world->loop, &world->sources[1], 0);
    else
        assert_int_equal(write(world->pipes[0][1], "x", 1), 1);
}

static void what_was_put_aside_can_be_removed(void **state) {
    World *world = current = *state;
    Error err = {};
    watch_both(world);
    world->sources[0].handle = take_and_remove_other;
    assert_int_equal(loop_await(&world->loop, -1, 5 * TIME_MILLISECOND, &err), ERROR_TIMEOUT);
    assert_string_equal(world->order, "ff");
    world->timers[0] = (LoopTimer){.handle = count_then_stop};
    loop_arm(&world->loop, &world->timers[0], TIME_MILLISECOND);
    run(world);
    assert_string_equal(world->order, "ff");
}

/* A worker and the loop take turns: neither sees the other between two of its waits. */
enum {
    WORKERS = 4,
    ROUNDS = 50
};
static unsigned inside, worked, timed;

static void enter(void) {
    assert_int_equal(inside++, 0);
}

static void leave(void) {
    assert_int_equal(--inside, 0);
}

static void work(void *owner) {
    World *world = owner;
    Error err;
    for (int i = 0; i < ROUNDS; i++) {
        enter();
        worked++;
        leave();
        if (i % 2 == 0) {
            loop_leave(&world->loop);
            loop_enter(&world->loop);
        } else {
            assert_int_equal(loop_await(&world->loop, world->pipes[1][0], 0, &err), ERROR_TIMEOUT);
        }
    }
    enter();
    leave();
    if (worked == WORKERS * ROUNDS && world->loop.workers == 1)
        loop_arm(&world->loop, &world->timers[0], 0); /* the loop waits without an end */
}

static void on_byte(void *owner, uint32_t events) {
    World *world = owner;
    enter();
    timed++;
    leave();
    if (world->loop.workers == 0) /* the pipe stays readable */
        loop_watch(&world->loop, &world->sources[0], 0);
}

static void workers_and_the_loop_take_turns(void **state) {
    World *world = current = *state;
    Error err = {};
    inside = worked = timed = 0;
    world->sources[0] = (LoopSource){.fd = world->pipes[0][0], .handle = on_byte, .owner = world};
    world->timers[0] = (LoopTimer){.handle = count_then_stop};
    loop_watch(&world->loop, &world->sources[0], EPOLLIN);
    assert_int_equal(write(world->pipes[0][1], "x", 1), 1);
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(loop_spawn(&world->loop, work, world, &err), 0);
    run(world);
    assert_int_equal(worked, WORKERS * ROUNDS);
    assert_true(timed > 0);
}

static void wait_for_byte(void *owner) {
    World *world = owner;
    Error err = {};
    char byte;
    assert_int_equal(loop_await(&world->loop, world->pipes[1][0], -1, &err), 0);
    assert_int_equal(read(world->pipes[1][0], &byte, 1), 1);
    loop_stop(&world->loop);
}

static void send_byte(void *owner, uint32_t events) {
    World *world = owner;
    assert_int_equal(write(world->pipes[1][1], "x", 1), 1);
}

static void the_loop_serves_all_while_a_worker_waits(void **state) {
    World *world = current = *state;
    Error err = {};
    world->timers[0] = (LoopTimer){.handle = send_byte, .owner = world};
    loop_arm(&world->loop, &world->timers[0], TIME_MILLISECOND);
    assert_int_equal(loop_spawn(&world->loop, wait_for_byte, world, &err), 0);
    run(world);
}

static void on_its_own_thread_the_loop_does_not_leave(void **state) {
    World *world = *state;
    loop_leave(&world->loop);
    loop_enter(&world->loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_in_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_disarmed_timer_does_not_fire, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_removed_source_is_not_called_any_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_hang_up_is_silent_while_nothing_is_watched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whoever_awaits_serves_flows_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_put_aside_can_be_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(workers_and_the_loop_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_loop_serves_all_while_a_worker_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            on_its_own_thread_the_loop_does_not_leave, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("shim/loop", tests, NULL, NULL);
}
