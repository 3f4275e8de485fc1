// SPDX-License-Identifier: Apache-2.0
#include "shim/log/queue.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"

static const int64_t retry_first = 100 * TIME_MILLISECOND, retry_last = 5 * TIME_SECOND,
                     patience_at_end = TIME_SECOND;

enum {
    LENGTH = sizeof(uint32_t), /* goes before every message */
    NOTE_ROOM = 4096,          /* beyond the size, for our own */
};

struct LogQueue {
    LogQueueOptions with;
    Loop *loop;
    void (*ready)(void *owner);
    void *owner;
    size_t max;
    bool non_blocking, noting, complained;
    Text waiting; /* messages; the first one begins at `start`, `sent` bytes of it are gone */
    size_t start, sent;
    uint64_t lost, lost_bytes;
    LoopSource source; /* fd -1: not connected */
    LoopTimer timer;
    int64_t delay;
};

static size_t held(const LogQueue *queue) {
    return queue->waiting.length - queue->start;
}

static void hang_up(LogQueue *queue) {
    loop_watch(queue->loop, &queue->source, 0);
    if (queue->source.fd >= 0)
        close(queue->source.fd);
    queue->source.fd = -1;
    queue->sent = 0; /* a stream's other end gets the message from its beginning */
}

static void complain(LogQueue *queue, const Error *err) {
    if (!queue->complained)
        log_failure(LOG_LEVEL_WARNING, err);
    queue->complained = true;
}

static void call_again(LogQueue *queue) {
    hang_up(queue);
    loop_arm(queue->loop, &queue->timer, queue->delay);
    queue->delay = queue->delay * 2 < retry_last ? queue->delay * 2 : retry_last;
}

static bool connect_queue(LogQueue *queue) {
    Error err = {};
    if (queue->source.fd >= 0)
        return true;
    if (queue->timer.deadline)
        return false;
    if (queue->with.call(queue->with.owner, &queue->source.fd, &err) >= 0)
        return true;
    complain(queue, &err);
    call_again(queue);
    return false;
}

static void forget_first(LogQueue *queue, uint32_t n) {
    queue->start += LENGTH + n;
    queue->sent = 0;
    if (queue->start == queue->waiting.length) {
        queue->start = 0;
        text_clear(&queue->waiting);
        if (queue->waiting.capacity > NOTE_ROOM)
            text_done(&queue->waiting);
    }
}

/* false: it cannot be sent now. */
static bool send_first(LogQueue *queue) {
    uint32_t n;
    memcpy(&n, queue->waiting.data + queue->start, LENGTH);
    const char *bytes = queue->waiting.data + queue->start + LENGTH + queue->sent;
    ssize_t taken = queue->with.send(queue->with.owner, queue->source.fd, bytes, n - queue->sent);
    if (taken < 0 && errno == EINTR)
        return true;
    if (taken < 0 && errno == EAGAIN) {
        loop_watch(queue->loop, &queue->source, EPOLLOUT);
        return false;
    }
    if (taken < 0) {
        Error err;
        error_set_errno(&err, errno, "cannot send the log");
        complain(queue, &err);
        call_again(queue);
        return false;
    }
    queue->delay = retry_first;
    queue->complained = false;
    queue->sent += (size_t)taken;
    if (queue->sent >= n)
        forget_first(queue, n);
    return true;
}

/* Whether there is a message more. */
static bool tell_loss(LogQueue *queue) {
    if (queue->lost == 0 || held(queue) > queue->max / 2)
        return false;
    autofree char *note = text_format("tare: %llu log messages (%llu bytes) were lost here: the "
                                      "log driver could not take them in time",
        (unsigned long long)queue->lost, (unsigned long long)queue->lost_bytes);
    queue->lost = queue->lost_bytes = 0;
    queue->noting = true;
    queue->with.note(queue->with.owner, note);
    queue->noting = false;
    return true;
}

/* Full from max on, until half of it is gone. */
static void update_sink(LogQueue *queue) {
    LogSink *sink = queue->with.full;
    bool was_full = sink->full, was_behind = sink->behind;
    sink->full = !queue->non_blocking && held(queue) >= (was_full ? queue->max / 2 : queue->max);
    sink->behind = !queue->non_blocking && held(queue) > 0;
    if (((was_full && !sink->full) || (was_behind && !sink->behind)) && queue->ready)
        queue->ready(queue->owner);
}

static void flush(LogQueue *queue) {
    do {
        while (held(queue) > 0 && connect_queue(queue) && send_first(queue)) {
        }
    } while (tell_loss(queue));
    if (held(queue) == 0 && queue->source.fd >= 0)
        loop_watch(queue->loop, &queue->source, 0);
    update_sink(queue);
}

static void on_writable(void *owner, uint32_t events) {
    flush(owner);
}

void log_queue_add(LogQueue *queue, const char *bytes, size_t n) {
    uint32_t length = (uint32_t)n;
    size_t room = queue->max + (queue->noting ? NOTE_ROOM : 0);
    if (queue->non_blocking && held(queue) + LENGTH + n > room && held(queue) > 0) {
        queue->lost++;
        queue->lost_bytes += n;
        return;
    }
    if (queue->start > queue->max) {
        queue->waiting.length -= queue->start;
        memmove(queue->waiting.data, queue->waiting.data + queue->start, queue->waiting.length);
        queue->start = 0;
    }
    text_append_bytes(&queue->waiting, &length, LENGTH);
    text_append_bytes(&queue->waiting, bytes, n);
    if (queue->noting)
        return;
    if (queue->source.events & EPOLLOUT)
        update_sink(queue); /* the socket takes nothing now */
    else
        flush(queue);
}

LogQueue *log_queue_new(const LogQueueOptions *options) {
    LogQueue *queue = new (LogQueue);
    *queue = (LogQueue){.with = *options,
        .loop = options->sink->loop,
        .ready = options->sink->ready,
        .owner = options->sink->owner,
        .max = (size_t)options->sink->settings.max_buffer,
        .non_blocking = options->sink->settings.non_blocking,
        .delay = retry_first,
        .source = {.fd = -1, .flow = true, .handle = on_writable, .owner = queue},
        .timer = {.handle = on_writable, .owner = queue}};
    return queue;
}

void log_queue_free(LogQueue *queue) {
    if (!queue)
        return;
    int64_t end = time_monotonic() + patience_at_end;
    queue->ready = NULL;
    flush(queue);
    while (held(queue) > 0 && queue->source.fd >= 0 && time_monotonic() < end) {
        struct pollfd fd = {queue->source.fd, POLLOUT, 0};
        poll(&fd, 1, 100);
        flush(queue);
    }
    if (held(queue) > 0 || queue->lost > 0)
        log_warning("the end of the log could not be sent: %zu bytes", held(queue));
    loop_disarm(queue->loop, &queue->timer);
    hang_up(queue);
    text_done(&queue->waiting);
    free(queue);
}
