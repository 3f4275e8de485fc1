// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/time.h"
#include "shim/stdio/private.h"

enum {
    READ_SIZE = 65536,
    PIPE_LARGE = 1 << 20,  /* for programs that fill a pipe of the usual 64 KiB */
    READS_MAX = 8,         /* in a turn of the loop, so that others have theirs */
    TERMINAL_TAIL = 65536, /* what a terminal may hold when its process ends */
};
static const int64_t drain_timeout = 10 * TIME_SECOND, first_look = TIME_MILLISECOND,
                     last_look = TIME_SECOND;

static bool listeners_full(const Stdio *stdio) {
    for (const StdioListener *listener = stdio->listeners; listener; listener = listener->next)
        if (listener->full)
            return true;
    return false;
}

static bool is_full(const Stream *stream) {
    return log_sink_is_full(stream->stdio->log) || log_sink_is_full(stream->file);
}

static bool is_behind(const Stream *stream) {
    return log_sink_is_behind(stream->stdio->log) || log_sink_is_behind(stream->file);
}

static bool is_blocked(const Stream *stream) {
    return stream->sink.pending.length > 0 || is_full(stream) || listeners_full(stream->stdio);
}

/* A reader that is gone for good gets no more of what waits. */
static void write_sink(Stream *stream) {
    Sink *sink = &stream->sink;
    if (!stdio_write_pending(sink->source.fd, &sink->pending))
        text_clear(&sink->pending);
}

static void deliver(Stream *stream, const char *bytes, size_t n) {
    Stdio *stdio = stream->stdio;
    if (stdio->log)
        log_sink_write(stdio->log, stream->kind, bytes, n);
    if (stream->file)
        log_sink_write(stream->file, stream->kind, bytes, n);
    for (StdioListener *listener = stdio->listeners, *next; listener; listener = next) {
        next = listener->next;
        listener->output(listener, stream->kind, bytes, n);
    }
    if (stream->sink.source.fd >= 0) {
        text_append_bytes(&stream->sink.pending, bytes, n);
        write_sink(stream);
    }
}

static void end_stream(Stream *stream) {
    Stdio *stdio = stream->stdio;
    if (stdio->terminal) /* input goes to the same terminal */
        stdio_close_source(stdio->loop, &stdio->input.source);
    stdio_close_source(stdio->loop, &stream->source);
    if (stdio->log)
        log_sink_flush(stdio->log, stream->kind);
    stream->drained = true;
}

/* One read; false: nothing for now, or the end. */
static bool read_stream(Stream *stream) {
    static char buffer[READ_SIZE]; /* nothing waits while it is in use */
    if (stream->source.fd < 0)
        return false;
    ssize_t n = read(stream->source.fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR)
        return true;
    if (n < 0 && errno == EAGAIN) {
        /* what is still within the other shim comes before the FIFO's end */
        stream->drained = !stream->stdio->relay.fifos;
        return false;
    }
    if (n <= 0) { /* EIO: the last slave of the terminal is closed */
        end_stream(stream);
        return false;
    }
    if (n == READ_SIZE && !stream->enlarged) {
        stream->enlarged = true;
        fcntl(stream->source.fd, F_SETPIPE_SZ, PIPE_LARGE); /* no matter if it may not be */
    }
    stream->left -= (size_t)n < stream->left ? (size_t)n : stream->left;
    if (stream->left == 0)
        stream->drained = true;
    deliver(stream, buffer, (size_t)n);
    return true;
}

/* A line that the program has not ended is one, too; what its descendants write is another. */
static void flush_log(const Stdio *stdio) {
    for (int i = 0; stdio->log && i < LOG_STREAMS; i++)
        log_sink_flush(stdio->log, (LogStream)i);
}

static bool is_read(const Stdio *stdio) {
    for (int i = 0; i < LOG_STREAMS; i++) {
        const Stream *stream = &stdio->streams[i];
        if ((stream->source.fd >= 0 && !stream->drained) || stream->sink.pending.length > 0)
            return false;
    }
    return true;
}

static bool has_unread(const Stdio *stdio, const Sink *sink) {
    struct stat status;
    int waiting = 0;
    return !stdio->logger && sink->source.fd >= 0 && fstat(sink->source.fd, &status) == 0 &&
           S_ISFIFO(status.st_mode) && ioctl(sink->source.fd, FIONREAD, &waiting) == 0 &&
           waiting > 0;
}

/* A client of containerd's gives up to open its FIFOs when it hears of the end. */
static bool awaits_reader(const Stdio *stdio, LogStream kind) {
    const Sink *sink = &stdio->streams[kind].sink;
    return sink->unmet && has_unread(stdio, sink);
}

/* Whoever hears of the end finds everything in the log, and has what is in the FIFOs. */
static bool is_drained(const Stdio *stdio) {
    if (!is_read(stdio))
        return false;
    flush_log(stdio);
    for (LogStream kind = 0; kind < LOG_STREAMS; kind++)
        if (is_behind(&stdio->streams[kind]) || awaits_reader(stdio, kind))
            return false;
    return true;
}

/* No event tells of what is read from a FIFO that is open here for both directions. */
static void look_again(Stdio *stdio) {
    if (stdio->unread_timer.deadline)
        return;
    stdio->unread_delay = stdio->unread_delay ? stdio->unread_delay * 2 : first_look;
    if (stdio->unread_delay > last_look)
        stdio->unread_delay = last_look;
    loop_arm(stdio->loop, &stdio->unread_timer, stdio->unread_delay);
}

/* containerd's client waits for the end of its FIFOs before it asks for the process's deletion.
 * What is in a FIFO goes with the last descriptor of it, which may be ours while containerd is
 * away. */
static void close_ended_sinks(Stdio *stdio) {
    bool open = false, unread = false;
    for (int i = 0; i < LOG_STREAMS; i++) {
        Stream *stream = &stdio->streams[i];
        bool ended = stream->source.fd < 0 && stream->sink.pending.length == 0;
        if (ended && has_unread(stdio, &stream->sink))
            unread = true;
        else if (ended)
            stdio_close_source(stdio->loop, &stream->sink.source);
        open = open || stream->sink.source.fd >= 0;
    }
    if (!open)
        logger_end(take_ptr(&stdio->logger));
    if (unread)
        look_again(stdio);
}

/* Reads what is there while everybody takes it; then decides what to watch. */
void stdio_pump(Stdio *stdio) {
    for (int i = 0; i < LOG_STREAMS; i++) {
        Stream *stream = &stdio->streams[i];
        /* no waiting for slow clients: what a pipe or terminal still holds is little */
        while (stdio->draining && !stream->drained && !is_full(stream) && read_stream(stream))
            ;
        if (stream->source.fd >= 0)
            loop_watch(stdio->loop, &stream->source, is_blocked(stream) ? 0 : EPOLLIN);
        if (stream->sink.source.fd >= 0)
            loop_watch(
                stdio->loop, &stream->sink.source, stream->sink.pending.length ? EPOLLOUT : 0);
    }
    if (stdio->opened)
        close_ended_sinks(stdio);
    if (stdio->draining && is_drained(stdio))
        loop_arm(stdio->loop, &stdio->drain_timer, 0);
    else if (stdio->draining &&
             (awaits_reader(stdio, LOG_STDOUT) || awaits_reader(stdio, LOG_STDERR)))
        look_again(stdio);
}

static void on_unread_timer(void *owner, uint32_t events) {
    stdio_pump(owner);
}

static void on_stream(void *owner, uint32_t events) {
    Stream *stream = owner;
    for (int i = 0; i < READS_MAX && !is_blocked(stream) && read_stream(stream); i++) {
    }
    stdio_pump(stream->stdio);
}

static void on_sink(void *owner, uint32_t events) {
    Stream *stream = owner;
    write_sink(stream);
    stdio_pump(stream->stdio);
}

/* The end of a drain is told from here only, with nothing of this module on the stack: it may free
 * the Stdio. */
static void on_drain_timer(void *owner, uint32_t events) {
    Stdio *stdio = owner;
    if (!is_drained(stdio))
        log_warning("output was not taken in time; announcing the exit without it");
    for (int i = 0; i < LOG_STREAMS; i++)
        text_clear(&stdio->streams[i].sink.pending);
    stdio->draining = false;
    stdio_pump(stdio);
    stdio->drained(stdio->drained_owner, 0);
}

/* At the end of a process, what it wrote itself is in the pipe: descendants that go on writing
 * cannot delay the news for ever. */
void stdio_drain(Stdio *stdio, LoopHandler drained, void *owner) {
    stdio->draining = true;
    stdio->drained = drained;
    stdio->drained_owner = owner;
    for (int i = 0; i < LOG_STREAMS; i++) {
        int waiting = 0;
        Stream *stream = &stdio->streams[i];
        if (stream->source.fd < 0)
            continue;
        if (stdio->terminal || ioctl(stream->source.fd, FIONREAD, &waiting) < 0)
            waiting = TERMINAL_TAIL;
        stream->left = stdio->relay.fifos ? SIZE_MAX : (size_t)waiting;
        stream->drained = false;
    }
    loop_arm(stdio->loop, &stdio->drain_timer, drain_timeout);
    stdio_pump(stdio);
}

void stdio_output_init(Stdio *stdio) {
    stdio->drain_timer = (LoopTimer){.handle = on_drain_timer, .owner = stdio};
    stdio->unread_timer = (LoopTimer){.handle = on_unread_timer, .owner = stdio};
    for (int i = 0; i < LOG_STREAMS; i++) {
        Stream *stream = &stdio->streams[i];
        *stream = (Stream){.stdio = stdio,
            .kind = (LogStream)i,
            .source = {.fd = -1, .flow = true, .handle = on_stream, .owner = stream},
            .sink.source = {.fd = -1, .flow = true, .handle = on_sink, .owner = stream}};
    }
}

void stdio_output_done(Stdio *stdio) {
    loop_disarm(stdio->loop, &stdio->drain_timer);
    loop_disarm(stdio->loop, &stdio->unread_timer);
    for (int i = 0; i < LOG_STREAMS; i++) {
        stdio_close_source(stdio->loop, &stdio->streams[i].source);
        stdio_close_source(stdio->loop, &stdio->streams[i].sink.source);
        text_done(&stdio->streams[i].sink.pending);
    }
    flush_log(stdio);
    LogSink *files[LOG_STREAMS] = {
        stdio->streams[LOG_STDOUT].file, stdio->streams[LOG_STDERR].file};
    output_close_files(files);
    logger_end(stdio->logger);
}
