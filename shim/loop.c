// SPDX-License-Identifier: Apache-2.0
#include "shim/loop.h"

#include <errno.h>
#include <unistd.h>

#include "base/time.h"

int loop_init(Loop *loop, Error *err) {
    *loop = (Loop){.epoll = epoll_create1(EPOLL_CLOEXEC)};
    return loop->epoll < 0 ? error_set_errno(err, errno, "cannot make an event loop") : 0;
}

void loop_done(Loop *loop) {
    if (loop->epoll >= 0)
        close(loop->epoll);
    loop->epoll = -1;
}

void loop_stop(Loop *loop) {
    loop->stopping = true;
}

static void forget_in_batch(Loop *loop, const LoopSource *source) {
    for (int i = 0; i < loop->batch_n; i++)
        if (loop->batch[i].data.ptr == source)
            loop->batch[i].data.ptr = NULL;
}

void loop_watch(Loop *loop, LoopSource *source, uint32_t events) {
    if (events == source->events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = source};
    int operation = !source->events ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
    if (!events)
        forget_in_batch(loop, source);
    source->events = epoll_ctl(loop->epoll, operation, source->fd, &event) < 0 ? 0 : events;
}

void loop_disarm(Loop *loop, LoopTimer *timer) {
    for (LoopTimer **at = &loop->timers; *at; at = &(*at)->next)
        if (*at == timer) {
            *at = timer->next;
            break;
        }
    timer->deadline = 0;
    timer->next = NULL;
}

void loop_arm(Loop *loop, LoopTimer *timer, int64_t delay) {
    loop_disarm(loop, timer);
    timer->deadline = time_monotonic() + delay;
    LoopTimer **at = &loop->timers;
    while (*at && (*at)->deadline <= timer->deadline)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
}

static void run_timers(Loop *loop) {
    int64_t now = time_monotonic();
    while (loop->timers && loop->timers->deadline <= now) {
        LoopTimer *timer = loop->timers;
        loop_disarm(loop, timer);
        timer->handle(timer->owner, 0);
    }
}

static int next_timeout(const Loop *loop) {
    if (!loop->timers)
        return -1;
    int64_t left = loop->timers->deadline - time_monotonic();
    return left > 0 ? (int)((left + TIME_MILLISECOND - 1) / TIME_MILLISECOND) : 0;
}

int loop_run(Loop *loop, Error *err) {
    while (!loop->stopping) {
        loop->batch_n = epoll_wait(loop->epoll, loop->batch, LOOP_BATCH, next_timeout(loop));
        if (loop->batch_n < 0 && errno != EINTR)
            return error_set_errno(err, errno, "cannot wait for events");
        for (int i = 0; i < loop->batch_n; i++) {
            LoopSource *source = loop->batch[i].data.ptr;
            if (source)
                source->handle(source->owner, loop->batch[i].events);
        }
        run_timers(loop);
    }
    return 0;
}
