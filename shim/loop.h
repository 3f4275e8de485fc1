// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/error.h"

/* The shim's one event loop: descriptors and timers. Sources and timers are embedded in their
 * owners, who may remove any of them, also from within a handler. The only door to epoll. */
typedef void (*LoopHandler)(void *owner, uint32_t events);

typedef struct LoopSource {
    int fd; /* borrowed */
    LoopHandler handle;
    void *owner;
    uint32_t events; /* EPOLL* that are watched now, 0: none (also not EPOLLHUP) */
} LoopSource;

typedef struct LoopTimer {
    LoopHandler handle; /* events is 0 */
    void *owner;
    int64_t deadline; /* monotonic; 0: not armed */
    struct LoopTimer *next;
} LoopTimer;

enum {
    LOOP_BATCH = 16
};

typedef struct Loop {
    int epoll;
    bool stopping;
    LoopTimer *timers;
    struct epoll_event batch[LOOP_BATCH];
    int batch_n;
} Loop;

int loop_init(Loop *loop, Error *err);
void loop_done(Loop *loop);
int loop_run(Loop *loop, Error *err); /* until loop_stop */
void loop_stop(Loop *loop);

/* Watches for exactly these events from now on; 0 forgets the source, as must happen before its
 * descriptor is closed. A descriptor that epoll refuses (a regular file) is never ready. */
void loop_watch(Loop *loop, LoopSource *source, uint32_t events);

void loop_arm(Loop *loop, LoopTimer *timer, int64_t delay);
void loop_disarm(Loop *loop, LoopTimer *timer);
