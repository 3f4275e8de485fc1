// SPDX-License-Identifier: Apache-2.0
#include "shim/log/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    STACK = 128 << 10,
    BLOCK = 64 << 10,
    WAITING_MAX = 256 << 10, /* bytes, in blocking mode: more is the program's to keep */
    FLUSH = LOG_STREAMS,     /* kind of a frame, added to its stream */
};

typedef struct Frame {
    uint32_t n, kind;
} Frame;

/* The pipe is the only way from the loop to the thread, `taken` and the event the only one back.
 * When the pipe ends, all that is left belongs to the thread. */
typedef struct Apart {
    LogSink sink;
    /* the loop's */
    Loop *loop;
    void (*ready)(void *owner);
    void *owner;
    size_t max;
    bool non_blocking;
    Text waiting; /* for room in the pipe, from `start` */
    size_t start;
    uint64_t sent, lost; /* bytes */
    LoopSource pipe, event;
    /* both's */
    atomic_uint_fast64_t taken;
    atomic_bool closed; /* the loop has let go of it */
    /* the thread's, the loop's until it has begun and again while there is nothing to do */
    const LogSinkOptions *opening; /* what the loop waits for */
    Error failure;                 /* of it */
    LogSink *inner;
    Loop own;
    LoopSource reader;
    Text frames;
    int event_fd;
} Apart;

static atomic_uint threads;

bool log_apart_is_idle(void) {
    return atomic_load(&threads) == 0;
}

/* The thread: one frame after another. */
static size_t take_frame(Apart *apart, const char *bytes, size_t n) {
    Frame frame;
    if (n < sizeof frame)
        return 0;
    memcpy(&frame, bytes, sizeof frame);
    if (n - sizeof frame < frame.n)
        return 0;
    LogStream stream = (LogStream)(frame.kind % LOG_STREAMS);
    if (frame.kind >= FLUSH)
        log_sink_flush(apart->inner, stream);
    else
        log_sink_write(apart->inner, stream, bytes + sizeof frame, frame.n);
    return sizeof frame + frame.n;
}

static void take_frames(Apart *apart) {
    const uint64_t one = 1;
    Text *frames = &apart->frames;
    size_t done = 0, n;
    while ((n = take_frame(apart, frames->data + done, frames->length - done)) > 0)
        done += n;
    frames->length -= done;
    memmove(frames->data, frames->data + done, frames->length);
    if (frames->length == 0)
        text_done(frames);
    atomic_fetch_add(&apart->taken, done);
    (void)!write(apart->event_fd, &one, sizeof one);
}

static void on_frames(void *owner, uint32_t events) {
    Apart *apart = owner;
    text_reserve(&apart->frames, BLOCK);
    ssize_t n = read(apart->reader.fd, apart->frames.data + apart->frames.length, BLOCK);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {
        loop_stop(&apart->own);
        return;
    }
    apart->frames.length += (size_t)n;
    take_frames(apart);
}

static void apart_free(Apart *apart) {
    if (apart->reader.fd >= 0) {
        loop_watch(&apart->own, &apart->reader, 0);
        close(apart->reader.fd);
    }
    if (apart->event_fd >= 0)
        close(apart->event_fd);
    log_sink_free(apart->inner);
    loop_done(&apart->own);
    text_done(&apart->frames);
    text_done(&apart->waiting);
    free(apart);
}

/* What the pipe had no room for at its end. */
static void take_rest(Apart *apart) {
    if (apart->waiting.length == apart->start)
        return;
    text_append_bytes(
        &apart->frames, apart->waiting.data + apart->start, apart->waiting.length - apart->start);
    take_frames(apart);
}

/* A file system that does not answer may hold this, too. */
static void open_inner(Apart *apart) {
    const uint64_t one = 1;
    log_sink_open(apart->opening, &apart->inner, &apart->failure);
    (void)!write(apart->event_fd, &one, sizeof one);
}

static void *run(void *argument) {
    Apart *apart = argument;
    Error err = {};
    open_inner(apart);
    if (loop_run(&apart->own, &err) < 0)
        log_failure(LOG_LEVEL_ERROR, &err);
    if (atomic_load(&apart->closed)) {
        take_rest(apart);
        apart_free(apart);
    } /* else this loop has failed, and the other one goes on without a log */
    atomic_fetch_sub(&threads, 1);
    return NULL;
}

/* From here on: the loop. */
static size_t held(const Apart *apart) {
    return apart->waiting.length - apart->start;
}

static void update(Apart *apart) {
    LogSink *sink = &apart->sink;
    sink->full = !apart->non_blocking && held(apart) >= (sink->full ? apart->max / 2 : apart->max);
    sink->behind = atomic_load(&apart->taken) != apart->sent;
    loop_watch(apart->loop, &apart->pipe, held(apart) ? EPOLLOUT : 0);
}

/* From the loop only: whoever is writing looks for himself. */
static void update_and_tell(Apart *apart) {
    const LogSink *sink = &apart->sink;
    bool was_full = sink->full, was_behind = sink->behind;
    update(apart);
    if (((was_full && !sink->full) || (was_behind && !sink->behind)) && apart->ready)
        apart->ready(apart->owner);
}

static void push(Apart *apart) {
    ssize_t n;
    while (held(apart) > 0) {
        n = write(apart->pipe.fd, apart->waiting.data + apart->start, held(apart));
        if (n < 0 && errno != EINTR)
            break;
        apart->start += n > 0 ? (size_t)n : 0;
    }
    if (held(apart) == 0) {
        text_done(&apart->waiting);
        apart->start = 0;
    } else if (apart->start > apart->max) {
        apart->waiting.length -= apart->start;
        memmove(apart->waiting.data, apart->waiting.data + apart->start, apart->waiting.length);
        apart->start = 0;
    }
}

static void add(Apart *apart, unsigned kind, const char *bytes, size_t n) {
    const Frame frame = {(uint32_t)n, kind};
    text_append_bytes(&apart->waiting, &frame, sizeof frame);
    text_append_bytes(&apart->waiting, bytes, n);
    apart->sent += sizeof frame + n;
}

/* Where the gap is; lines that it has cut end before it. */
static void tell_loss(Apart *apart) {
    if (apart->lost == 0 || held(apart) > apart->max / 2)
        return;
    autofree char *note = text_format("tare: %llu bytes of output were lost here: the log could "
                                      "not take them in time\n",
        (unsigned long long)apart->lost);
    apart->lost = 0;
    for (unsigned stream = 0; stream < LOG_STREAMS; stream++)
        add(apart, FLUSH + stream, NULL, 0);
    add(apart, LOG_STDERR, note, strlen(note));
    push(apart);
}

static void on_pipe(void *owner, uint32_t events) {
    Apart *apart = owner;
    push(apart);
    tell_loss(apart);
    update_and_tell(apart);
}

static void on_event(void *owner, uint32_t events) {
    Apart *apart = owner;
    uint64_t count;
    (void)!read(apart->event.fd, &count, sizeof count);
    update_and_tell(apart);
}

static void write_bytes(LogSink *sink, LogStream stream, const char *bytes, size_t n) {
    Apart *apart = (Apart *)sink;
    tell_loss(apart);
    if (apart->non_blocking && held(apart) > 0 && held(apart) + n > apart->max) {
        apart->lost += n;
        return;
    }
    add(apart, stream, bytes, n);
    push(apart);
    update(apart);
}

static void flush(LogSink *sink, LogStream stream) {
    Apart *apart = (Apart *)sink;
    add(apart, FLUSH + stream, NULL, 0);
    push(apart);
    update(apart);
}

/* A disk that does not answer is waited for by the thread alone. */
static void close_sink(LogSink *sink) {
    Apart *apart = (Apart *)sink;
    int end = apart->pipe.fd;
    apart->ready = NULL;
    push(apart);
    loop_watch(apart->loop, &apart->pipe, 0);
    loop_watch(apart->loop, &apart->event, 0);
    atomic_store(&apart->closed, true);
    close(end);
}

/* While the thread has nothing to do, what it knows can be looked at. */
static const Text *partial(const LogSink *sink, LogStream stream) {
    const Apart *apart = (const Apart *)sink;
    const LogDriver *driver = apart->inner->driver;
    return !sink->behind && driver->partial ? driver->partial(apart->inner, stream) : NULL;
}

static int start_thread(Apart *apart, Error *err) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    atomic_fetch_add(&threads, 1);
    int sys = pthread_create(&thread, &attributes, run, apart);
    pthread_attr_destroy(&attributes);
    if (sys == 0)
        return 0;
    atomic_fetch_sub(&threads, 1);
    return error_set_errno(err, sys, "cannot start a thread for the log");
}

static int set_up(Apart *apart, Error *err) {
    int ends[2];
    TRY(loop_init(&apart->own, err));
    if ((apart->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0 ||
        pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    apart->reader = (LoopSource){.fd = ends[0], .handle = on_frames, .owner = apart};
    apart->pipe = (LoopSource){.fd = ends[1], .flow = true, .handle = on_pipe, .owner = apart};
    apart->event =
        (LoopSource){.fd = apart->event_fd, .flow = true, .handle = on_event, .owner = apart};
    loop_watch(&apart->own, &apart->reader, EPOLLIN);
    return start_thread(apart, err);
}

/* The thread has it from its start on: it frees it when its pipe ends. */
static int await_opening(Apart *apart, Error *err) {
    uint64_t count;
    Error ignored;
    while (read(apart->event_fd, &count, sizeof count) < 0)
        loop_await(apart->loop, apart->event_fd, -1, &ignored);
    if (apart->inner) {
        loop_watch(apart->loop, &apart->event, EPOLLIN);
        return 0;
    }
    *err = apart->failure;
    close_sink(&apart->sink);
    return err->code;
}

static int open_sink(const LogSinkOptions *options, LogSink **ret, Error *err) {
    bool non_blocking = options->settings.non_blocking;
    LogSinkOptions inner = *options;
    Apart *apart = new (Apart);
    *apart = (Apart){.loop = options->loop,
        .ready = options->ready,
        .owner = options->owner,
        .non_blocking = non_blocking,
        .max = non_blocking ? (size_t)options->settings.max_buffer : (size_t)WAITING_MAX,
        .own = {.epoll = -1},
        .opening = &inner,
        .event_fd = -1,
        .reader.fd = -1,
        .pipe.fd = -1};
    inner.apart = false;
    inner.loop = &apart->own;
    inner.ready = NULL;
    int r = set_up(apart, err);
    if (r < 0) {
        if (apart->pipe.fd >= 0)
            close(apart->pipe.fd);
        apart_free(apart);
        return r;
    }
    TRY(await_opening(apart, err));
    *ret = &apart->sink;
    return 0;
}

const LogDriver log_apart = {open_sink, write_bytes, flush, close_sink, partial};
