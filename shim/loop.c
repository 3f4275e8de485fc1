// SPDX-License-Identifier: Apache-2.0
#include "shim/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/time.h"

int loop_init(Loop *loop, Error *err) {
    *loop = (Loop){.epoll = epoll_create1(EPOLL_CLOEXEC), .nudge = -1};
    turn_init(&loop->turn);
    return loop->epoll < 0 ? error_set_errno(err, errno, "cannot make an event loop") : 0;
}

/* It has passed its turn, and is at its end. */
static void join_ended(Loop *loop) {
    if (loop->has_ended)
        pthread_join(loop->ended, NULL);
    loop->has_ended = false;
}

void loop_done(Loop *loop) {
    if (loop->epoll < 0)
        return;
    join_ended(loop);
    close(loop->epoll);
    loop->epoll = -1;
    if (loop->nudge >= 0)
        close(loop->nudge);
    loop->nudge = -1;
    turn_done(&loop->turn);
}

enum {
    LOOP_BATCH = 16,
    STACK = 256 << 10,
};

struct LoopBatch {
    LoopBatch *outer; /* of the loop_run() around a loop_await() */
    struct epoll_event events[LOOP_BATCH];
    int n;
};

void loop_stop(Loop *loop) {
    loop->stopping = true;
}

static void forget_in_batches(Loop *loop, const LoopSource *source) {
    for (LoopBatch *batch = loop->batches; batch; batch = batch->outer)
        for (int i = 0; i < batch->n; i++)
            if (batch->events[i].data.ptr == source)
                batch->events[i].data.ptr = NULL;
}

static void take_back(Loop *loop, LoopSource *source) {
    LoopSource **at = &loop->aside;
    while (*at != source)
        at = &(*at)->aside;
    *at = source->aside;
    source->aside = NULL;
    source->is_aside = false;
}

void loop_watch(Loop *loop, LoopSource *source, uint32_t events) {
    if (events == source->events)
        return;
    if (source->is_aside) {
        take_back(loop, source);
        source->events = 0; /* for epoll it has none */
        if (!events)
            return;
    }
    struct epoll_event event = {.events = events, .data.ptr = source};
    int operation = !source->events ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
    if (!events)
        forget_in_batches(loop, source);
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

static int milliseconds_until(int64_t deadline) {
    int64_t left = deadline - time_monotonic();
    return left > 0 ? (int)((left + TIME_MILLISECOND - 1) / TIME_MILLISECOND) : 0;
}

typedef void (*Act)(Loop *loop, LoopSource *source, uint32_t events);

static int dispatch(Loop *loop, int timeout, Act act, Error *err) {
    LoopBatch batch = {.outer = loop->batches};
    batch.n = epoll_wait(loop->epoll, batch.events, LOOP_BATCH, timeout);
    if (batch.n < 0 && errno != EINTR)
        return error_set_errno(err, errno, "cannot wait for events");
    loop->batches = &batch;
    for (int i = 0; i < batch.n; i++)
        if (batch.events[i].data.ptr)
            act(loop, batch.events[i].data.ptr, batch.events[i].events);
    loop->batches = batch.outer;
    return 0;
}

static void handle(Loop *loop, LoopSource *source, uint32_t events) {
    source->handle(source->owner, events);
}

/* Only what is ready in the loop's own turn is still there when it is handled: whatever a worker
 * frees it forgets first. */
static void let_work(Loop *loop, int timeout) {
    struct pollfd fds[] = {
        {.fd = loop->epoll, .events = POLLIN}, {.fd = loop->nudge, .events = POLLIN}};
    uint64_t count;
    turn_pass(&loop->turn);
    poll(fds, array_size(fds), timeout);
    turn_take(&loop->turn);
    (void)!read(loop->nudge, &count, sizeof count);
}

int loop_run(Loop *loop, Error *err) {
    while (!loop->stopping) {
        int timeout = loop->timers ? milliseconds_until(loop->timers->deadline) : -1;
        bool working = loop->workers > 0;
        if (working)
            let_work(loop, timeout);
        TRY(dispatch(loop, working ? 0 : timeout, handle, err));
        run_timers(loop);
    }
    return 0;
}

/* Epoll would tell of it again and again. */
static void put_aside(Loop *loop, LoopSource *source) {
    if (epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL) < 0)
        return;
    source->is_aside = true;
    source->aside = loop->aside;
    loop->aside = source;
}

static void handle_flow(Loop *loop, LoopSource *source, uint32_t events) {
    if (source->flow)
        source->handle(source->owner, events);
    else
        put_aside(loop, source);
}

static void bring_back(Loop *loop) {
    while (loop->aside) {
        LoopSource *source = loop->aside;
        uint32_t events = source->events;
        loop_watch(loop, source, 0);
        loop_watch(loop, source, events);
    }
}

static int await(Loop *loop, int fd, int64_t timeout, Error *err) {
    int64_t deadline = time_monotonic() + timeout;
    for (;;) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = loop->epoll, .events = POLLIN}};
        int n = poll(fds, array_size(fds), timeout < 0 ? -1 : milliseconds_until(deadline));
        if (n < 0 && errno != EINTR)
            return error_set_errno(err, errno, "cannot wait for events");
        if (n > 0 && fds[0].revents)
            return 0;
        if (n == 0)
            return error_set(err, ERROR_TIMEOUT, "no answer in time");
        if (n > 0)
            TRY(dispatch(loop, 0, handle_flow, err));
    }
}

/* The loop that the calling thread works for; NULL: it is the loop's own. */
static _Thread_local const Loop *employer;

void loop_leave(Loop *loop) {
    const uint64_t one = 1;
    if (employer != loop)
        return;
    (void)!write(loop->nudge, &one, sizeof one);
    turn_pass(&loop->turn);
}

void loop_enter(Loop *loop) {
    if (employer == loop)
        turn_take(&loop->turn);
}

static int await_apart(Loop *loop, int fd, int64_t timeout, Error *err) {
    int64_t deadline = time_monotonic() + timeout;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int n;
    loop_leave(loop);
    do
        n = poll(&ready, 1, timeout < 0 ? -1 : milliseconds_until(deadline));
    while (n < 0 && errno == EINTR);
    int sys = errno;
    loop_enter(loop);
    if (n < 0)
        return error_set_errno(err, sys, "cannot wait for events");
    return n > 0 ? 0 : error_set(err, ERROR_TIMEOUT, "no answer in time");
}

int loop_await(Loop *loop, int fd, int64_t timeout, Error *err) {
    if (employer == loop)
        return await_apart(loop, fd, timeout, err);
    int r = await(loop, fd, timeout, err);
    bring_back(loop);
    return r;
}

typedef struct Worker {
    Loop *loop;
    LoopWork work;
    void *owner;
} Worker;

static void *run_worker(void *argument) {
    Worker worker = *(Worker *)argument;
    free(argument);
    employer = worker.loop;
    loop_enter(worker.loop);
    worker.work(worker.owner);
    join_ended(worker.loop);
    worker.loop->ended = pthread_self();
    worker.loop->has_ended = true;
    worker.loop->workers--;
    loop_leave(worker.loop);
    return NULL;
}

static int start_thread(Worker *worker, Error *err) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    int sys = pthread_create(&thread, &attributes, run_worker, worker);
    pthread_attr_destroy(&attributes);
    return sys ? error_set_errno(err, sys, "cannot start a thread") : 0;
}

int loop_spawn(Loop *loop, LoopWork work, void *owner, Error *err) {
    if (loop->nudge < 0)
        loop->nudge = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->nudge < 0)
        return error_set_errno(err, errno, "cannot make an event");
    Worker *worker = new (Worker);
    *worker = (Worker){loop, work, owner};
    loop->workers++;
    if (start_thread(worker, err) < 0) {
        loop->workers--;
        free(worker);
        return err->code;
    }
    return 0;
}
