// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/error.h"
#include "shim/turn.h"

/* The shim's one event loop: descriptors and timers. Sources and timers are embedded in their
 * owners, who may remove any of them, also from within a handler. The only door to epoll. */
typedef void (*LoopHandler)(void *owner, uint32_t events);

typedef struct LoopSource {
    int fd; /* borrowed */
    LoopHandler handle;
    void *owner;
    uint32_t events;          /* EPOLL* that are watched now, 0: none (also not EPOLLHUP) */
    bool flow;                /* loop_await() serves it, too */
    bool is_aside;            /* waits for the end of loop_await() */
    struct LoopSource *aside; /* the next of those */
} LoopSource;

typedef struct LoopTimer {
    LoopHandler handle; /* events is 0 */
    void *owner;
    int64_t deadline; /* monotonic; 0: not armed */
    struct LoopTimer *next;
} LoopTimer;

typedef struct LoopBatch LoopBatch;

typedef struct Loop {
    int epoll;
    bool stopping;
    LoopTimer *timers;
    LoopBatch *batches; /* what is being handled */
    LoopSource *aside;
    unsigned workers; /* threads of loop_spawn() */
    Turn turn;        /* theirs or the loop's */
    pthread_t ended;  /* the last one, if there was any, which the next one joins */
    bool has_ended;
    int nudge; /* eventfd: a worker may have changed what the loop waits for; -1: none yet */
} Loop;

int loop_init(Loop *loop, Error *err);
void loop_done(Loop *loop);
int loop_run(Loop *loop, Error *err); /* until loop_stop */
void loop_stop(Loop *loop);

/* Watches for exactly these events from now on; 0 forgets the source, as must happen before its
 * descriptor is closed. A descriptor that epoll refuses (a regular file) is never ready. */
void loop_watch(Loop *loop, LoopSource *source, uint32_t events);

/* For a handler that cannot go on before fd is readable: waits for it, and meanwhile, on the loop's
 * own thread, serves the flows, which are sources whose handlers neither wait themselves nor free
 * what a handler may be busy with, and bear being called twice for one event. All else, timers too,
 * comes when the loop does. ERROR_TIMEOUT. */
int loop_await(Loop *loop, int fd, int64_t timeout, Error *err);

/* Does work that may wait on a thread of its own. It and the loop take turns, so that what they
 * share needs no locks: the loop goes on, with all that it has, only while the thread is in
 * loop_await() or between loop_leave() and loop_enter(). On the loop's own thread these two do
 * nothing. */
typedef void (*LoopWork)(void *owner);
int loop_spawn(Loop *loop, LoopWork work, void *owner, Error *err);
void loop_leave(Loop *loop);
void loop_enter(Loop *loop);

void loop_arm(Loop *loop, LoopTimer *timer, int64_t delay);
void loop_disarm(Loop *loop, LoopTimer *timer);
