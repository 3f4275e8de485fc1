// SPDX-License-Identifier: Apache-2.0
#include "shim/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "shim/output.h"

enum {
    READ_SIZE = 65536,
    PIPE_LARGE = 1 << 20,  /* for programs that fill a pipe of the usual 64 KiB */
    READS_MAX = 8,         /* in a turn of the loop, so that others have theirs */
    INPUT_MAX = 65536,     /* bytes that the program has not read; then writers wait */
    TERMINAL_TAIL = 65536, /* what a terminal may hold when its process ends */
};
static const int64_t drain_timeout = 10 * TIME_SECOND, first_look = TIME_MILLISECOND,
                     last_look = TIME_SECOND;

/* Where a stream's bytes go besides log and listeners. */
typedef struct Sink {
    LoopSource source; /* fd -1: none */
    Text pending;
} Sink;

typedef struct Stream {
    Stdio *stdio;
    LogStream kind;
    LoopSource source; /* fd -1: not open or at its end */
    Sink sink;
    size_t left; /* while draining: bytes that may still be the process's own */
    bool drained, enlarged;
} Stream;

typedef struct Input {
    LoopSource source; /* to the program; fd -1: closed */
    Text pending;
    bool ending;     /* close when pending is empty */
    LoopSource fifo; /* from containerd's client */
    int fifo_writer; /* ours, so that a client may leave and come back */
} Input;

struct Stdio {
    Loop *loop;
    LogSink *log;
    bool terminal, open_stdin, stdin_once, opened, draining, ended;
    char *paths[3], *id, *name_space;
    unsigned *farewells;
    Logger *logger;
    StdioRelay relay; /* the text is ours */
    char *fifos[3];   /* NULL: not made */
    int exit_code;
    TerminalSize size;
    Stream streams[LOG_STREAMS];
    Input input;
    StdioListener *listeners;
    LoopTimer drain_timer, unread_timer;
    int64_t unread_delay;
    LoopHandler drained;
    void *drained_owner;
};

static void close_source(Loop *loop, LoopSource *source) {
    loop_watch(loop, source, 0);
    if (source->fd >= 0)
        close(source->fd);
    source->fd = -1;
}

static bool listeners_full(const Stdio *stdio) {
    for (const StdioListener *listener = stdio->listeners; listener; listener = listener->next)
        if (listener->full)
            return true;
    return false;
}

static bool is_blocked(const Stream *stream) {
    const Stdio *stdio = stream->stdio;
    return stream->sink.pending.length > 0 || log_sink_is_full(stdio->log) || listeners_full(stdio);
}

static void write_sink(Stream *stream) {
    Sink *sink = &stream->sink;
    size_t done = 0;
    while (done < sink->pending.length) {
        ssize_t n = write(sink->source.fd, sink->pending.data + done, sink->pending.length - done);
        if (n > 0)
            done += (size_t)n;
        else if (errno == EINTR)
            continue;
        else if (errno == EAGAIN)
            break;
        else
            done = sink->pending.length; /* a full disk, a reader that is gone for good */
    }
    memmove(sink->pending.data, sink->pending.data + done, sink->pending.length - done);
    sink->pending.length -= done;
}

static void deliver(Stream *stream, const char *bytes, size_t n) {
    Stdio *stdio = stream->stdio;
    if (stdio->log)
        log_sink_write(stdio->log, stream->kind, bytes, n);
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
        close_source(stdio->loop, &stdio->input.source);
    close_source(stdio->loop, &stream->source);
    if (stdio->log)
        log_sink_flush(stdio->log, stream->kind);
    stream->drained = true;
}

/* One read; false: nothing for now, or the end. */
static bool read_stream(Stream *stream) {
    static char buffer[READ_SIZE]; /* one thread */
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

static bool is_drained(const Stdio *stdio) {
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

/* containerd's client waits for the end of its FIFOs before it asks for the process's deletion.
 * What is in a FIFO goes with the last descriptor of it, which may be ours while containerd is
 * away: hence the look at what is unread, again and again, as no event tells of it. */
static void close_ended_sinks(Stdio *stdio) {
    bool open = false, unread = false;
    for (int i = 0; i < LOG_STREAMS; i++) {
        Stream *stream = &stdio->streams[i];
        bool ended = stream->source.fd < 0 && stream->sink.pending.length == 0;
        if (ended && has_unread(stdio, &stream->sink))
            unread = true;
        else if (ended)
            close_source(stdio->loop, &stream->sink.source);
        open = open || stream->sink.source.fd >= 0;
    }
    if (!open)
        logger_end(take_ptr(&stdio->logger));
    if (unread && !stdio->unread_timer.deadline) {
        stdio->unread_delay = stdio->unread_delay ? stdio->unread_delay * 2 : first_look;
        if (stdio->unread_delay > last_look)
            stdio->unread_delay = last_look;
        loop_arm(stdio->loop, &stdio->unread_timer, stdio->unread_delay);
    }
}

static void on_unread_timer(void *owner, uint32_t events) {
    close_ended_sinks(owner);
}

/* Reads what is there while everybody takes it; then decides what to watch. */
static void pump(Stdio *stdio) {
    for (int i = 0; i < LOG_STREAMS; i++) {
        Stream *stream = &stdio->streams[i];
        /* no waiting for slow clients: what a pipe or terminal still holds is little */
        while (stdio->draining && !stream->drained && !log_sink_is_full(stdio->log) &&
               read_stream(stream))
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
}

static void on_stream(void *owner, uint32_t events) {
    Stream *stream = owner;
    for (int i = 0; i < READS_MAX && !is_blocked(stream) && read_stream(stream); i++) {
    }
    pump(stream->stdio);
}

static void on_sink(void *owner, uint32_t events) {
    Stream *stream = owner;
    write_sink(stream);
    pump(stream->stdio);
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
    pump(stdio);
    stdio->drained(stdio->drained_owner, 0);
}

static void watch_input(Stdio *stdio) {
    Input *input = &stdio->input;
    if (input->source.fd >= 0)
        loop_watch(stdio->loop, &input->source, input->pending.length ? EPOLLOUT : 0);
    if (input->fifo.fd >= 0)
        loop_watch(stdio->loop, &input->fifo, input->pending.length < INPUT_MAX ? EPOLLIN : 0);
}

static void write_input(Stdio *stdio) {
    Input *input = &stdio->input;
    size_t done = 0;
    while (input->source.fd >= 0 && done < input->pending.length) {
        ssize_t n =
            write(input->source.fd, input->pending.data + done, input->pending.length - done);
        if (n > 0)
            done += (size_t)n;
        else if (errno == EINTR)
            continue;
        else if (errno == EAGAIN)
            break;
        else { /* the program does not read any more */
            close_source(stdio->loop, &input->source);
            done = input->pending.length;
        }
    }
    if (input->pending.length > 0) {
        memmove(input->pending.data, input->pending.data + done, input->pending.length - done);
        input->pending.length -= done;
    }
    /* a terminal has no half-close */
    if (input->ending && input->pending.length == 0 && !stdio->terminal && input->source.fd >= 0) {
        close_source(stdio->loop, &input->source);
        if (stdio->relay.fifos)
            stdio->relay.input_closed(stdio->relay.owner);
    }
    watch_input(stdio);
}

static void tell_input_ready(Stdio *stdio) {
    for (StdioListener *listener = stdio->listeners, *next; listener; listener = next) {
        next = listener->next;
        listener->input_ready(listener);
    }
}

static void on_input(void *owner, uint32_t events) {
    Stdio *stdio = owner;
    bool was_full = stdio_input_full(stdio);
    write_input(stdio);
    if (was_full && !stdio_input_full(stdio))
        tell_input_ready(stdio);
}

static void on_fifo(void *owner, uint32_t events) {
    Stdio *stdio = owner;
    char buffer[4096];
    ssize_t n = read(stdio->input.fifo.fd, buffer, sizeof buffer);
    if (n > 0)
        stdio_input(stdio, buffer, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_source(stdio->loop, &stdio->input.fifo);
        stdio_close_input(stdio);
    }
}

void stdio_input(Stdio *stdio, const char *bytes, size_t n) {
    Input *input = &stdio->input;
    /* before the process is there, input waits for it */
    if (stdio->ended || input->ending || (stdio->opened && input->source.fd < 0))
        return;
    text_append_bytes(&input->pending, bytes, n);
    write_input(stdio);
}

bool stdio_input_full(const Stdio *stdio) {
    return stdio->input.pending.length >= INPUT_MAX;
}

/* A terminal has no half-close: who comes back to it types on. */
void stdio_close_input(Stdio *stdio) {
    if (stdio->terminal)
        return;
    stdio->input.ending = true;
    write_input(stdio);
}

void stdio_release_input(Stdio *stdio) {
    Input *input = &stdio->input;
    if (input->fifo_writer >= 0)
        close(input->fifo_writer);
    input->fifo_writer = -1;
    if (input->fifo.fd < 0)
        stdio_close_input(stdio);
}

void stdio_resize(Stdio *stdio, TerminalSize size) {
    Error ignored;
    stdio->size = size;
    if (stdio->relay.fifos)
        stdio->relay.resized(stdio->relay.owner, size);
    else if (stdio->terminal && stdio->streams[0].source.fd >= 0)
        terminal_resize(stdio->streams[0].source.fd, size, &ignored);
}

TerminalSize stdio_size(const Stdio *stdio) {
    return stdio->size;
}

static void stream_init(Stdio *stdio, LogStream kind) {
    stdio->streams[kind] = (Stream){.stdio = stdio,
        .kind = kind,
        .source = {.fd = -1, .handle = on_stream, .owner = &stdio->streams[kind]},
        .sink.source = {.fd = -1, .handle = on_sink, .owner = &stdio->streams[kind]}};
}

int stdio_new(const StdioOptions *options, Stdio **ret, Error *err) {
    Stdio *stdio = new (Stdio);
    *stdio = (Stdio){.loop = options->loop,
        .log = options->log,
        .terminal = options->terminal,
        .open_stdin = options->open_stdin,
        .stdin_once = options->stdin_once,
        .id = text_copy(options->id),
        .name_space = text_copy(options->name_space),
        .farewells = options->farewells,
        .relay = options->relay,
        .drain_timer = {.handle = on_drain_timer, .owner = stdio},
        .unread_timer = {.handle = on_unread_timer, .owner = stdio},
        .input = {.source = {.fd = -1, .handle = on_input, .owner = stdio},
            .fifo = {.fd = -1, .handle = on_fifo, .owner = stdio},
            .fifo_writer = -1}};
    for (int i = 0; i < 3; i++)
        if (!text_is_empty(options->paths[i]))
            stdio->paths[i] = text_copy(options->paths[i]);
    stdio->relay.fifos = text_copy(options->relay.fifos);
    stream_init(stdio, LOG_STDOUT);
    stream_init(stdio, LOG_STDERR);
    *ret = stdio;
    return 0;
}

Stdio *stdio_free(Stdio *stdio) {
    if (!stdio)
        return NULL;
    loop_disarm(stdio->loop, &stdio->drain_timer);
    loop_disarm(stdio->loop, &stdio->unread_timer);
    for (int i = 0; i < LOG_STREAMS; i++) {
        close_source(stdio->loop, &stdio->streams[i].source);
        close_source(stdio->loop, &stdio->streams[i].sink.source);
        text_done(&stdio->streams[i].sink.pending);
        if (stdio->log)
            log_sink_flush(stdio->log, (LogStream)i);
    }
    close_source(stdio->loop, &stdio->input.source);
    close_source(stdio->loop, &stdio->input.fifo);
    if (stdio->input.fifo_writer >= 0)
        close(stdio->input.fifo_writer);
    text_done(&stdio->input.pending);
    logger_end(stdio->logger);
    free(stdio->id);
    free(stdio->name_space);
    for (int i = 0; i < 3; i++) {
        Error ignored;
        if (stdio->fifos[i])
            file_remove(AT_FDCWD, stdio->fifos[i], &ignored);
        free(stdio->fifos[i]);
        free(stdio->paths[i]);
    }
    free((char *)(uintptr_t)stdio->relay.fifos);
    free(stdio);
    return NULL;
}

/* A terminal has one stream. */
static int open_sinks(Stdio *stdio, Error *err) {
    const OutputOptions options = {.loop = stdio->loop,
        .paths = {stdio->paths[1], stdio->terminal ? NULL : stdio->paths[2]},
        .id = stdio->id,
        .name_space = stdio->name_space,
        .farewells = stdio->farewells};
    Output output;
    TRY(output_open(&options, &output, err));
    for (int i = 0; i < LOG_STREAMS; i++)
        stdio->streams[i].sink.source.fd = output.fds[i];
    stdio->logger = output.logger;
    return 0;
}

static int open_fifo(Stdio *stdio, const char *path, Error *err) {
    if (!path)
        return 0;
    TRY(file_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0, &stdio->input.fifo.fd, err));
    return file_open(AT_FDCWD, path, O_WRONLY | O_NONBLOCK, 0, &stdio->input.fifo_writer, err);
}

static bool somebody_has_input(const Stdio *stdio) {
    for (const StdioListener *listener = stdio->listeners; listener; listener = listener->next)
        if (listener->wants_input)
            return true;
    return stdio->open_stdin || stdio->paths[0];
}

static int make_pipe(int *ret_reader, int *ret_writer, Error *err) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    *ret_reader = ends[0];
    *ret_writer = ends[1];
    return 0;
}

/* Both ends: the one for the child is held until the other shim has opened the FIFO itself, so that
 * ours neither fails to open nor finds its end too early. */
static int make_fifo(Stdio *stdio, int index, int *ret_reader, int *ret_writer, Error *err) {
    char *path = text_format("%s%d", stdio->relay.fifos, index);
    free(stdio->fifos[index]);
    stdio->fifos[index] = path;
    TRY(file_remove(AT_FDCWD, path, err));
    if (mkfifoat(AT_FDCWD, path, 0600) < 0)
        return error_set_errno(err, errno, "cannot make '%s'", path);
    TRY(file_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0, ret_reader, err));
    return file_open(AT_FDCWD, path, O_WRONLY | O_NONBLOCK, 0, ret_writer, err);
}

static int make_channel(Stdio *stdio, int index, int *ret_reader, int *ret_writer, Error *err) {
    return stdio->relay.fifos ? make_fifo(stdio, index, ret_reader, ret_writer, err)
                              : make_pipe(ret_reader, ret_writer, err);
}

static int open_channels(Stdio *stdio, int child[3], Error *err) {
    if (somebody_has_input(stdio)) {
        TRY(make_channel(stdio, 0, &child[0], &stdio->input.source.fd, err));
        TRY(fd_set_nonblocking(stdio->input.source.fd, true, err));
    }
    for (int i = 0; i < (stdio->terminal ? 1 : LOG_STREAMS); i++) {
        TRY(make_channel(stdio, 1 + i, &stdio->streams[i].source.fd, &child[1 + i], err));
        TRY(fd_set_nonblocking(stdio->streams[i].source.fd, true, err));
    }
    return 0;
}

const char *stdio_fifo(const Stdio *stdio, int index) {
    return stdio->fifos[index] ? stdio->fifos[index] : "";
}

int stdio_open(Stdio *stdio, int ret_child[3], Error *err) {
    for (int i = 0; i < 3; i++)
        ret_child[i] = -1;
    TRY(open_fifo(stdio, stdio->paths[0], err));
    TRY(open_sinks(stdio, err));
    if (stdio->terminal && !stdio->relay.fifos)
        return 0;
    int r = open_channels(stdio, ret_child, err);
    if (r < 0) {
        stdio_close_child(ret_child);
        return r;
    }
    stdio->opened = true;
    write_input(stdio);
    pump(stdio);
    return 0;
}

void stdio_close_child(int child[3]) {
    for (int i = 0; i < 3; i++) {
        if (child[i] >= 0)
            close(child[i]);
        child[i] = -1;
    }
}

void stdio_set_terminal(Stdio *stdio, int master) {
    stdio->streams[LOG_STDOUT].source.fd = master;
    stdio->input.source.fd = fcntl(master, F_DUPFD_CLOEXEC, 0);
    stdio->opened = true;
    if (stdio->size.rows && stdio->size.columns)
        stdio_resize(stdio, stdio->size);
    write_input(stdio);
    pump(stdio);
}

LogSink *stdio_log(const Stdio *stdio) {
    return stdio->log;
}

void stdio_update(Stdio *stdio) {
    pump(stdio);
}

void stdio_join(Stdio *stdio, StdioListener *listener) {
    listener->next = stdio->listeners;
    stdio->listeners = listener;
    if (stdio->ended)
        listener->ended(listener, stdio->exit_code);
}

void stdio_leave(Stdio *stdio, StdioListener *listener) {
    for (StdioListener **at = &stdio->listeners; *at; at = &(*at)->next)
        if (*at == listener) {
            *at = listener->next;
            break;
        }
    if (listener->wants_input && stdio->stdin_once)
        stdio_close_input(stdio);
    pump(stdio);
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
    pump(stdio);
}

void stdio_end(Stdio *stdio, int exit_code) {
    stdio->ended = true;
    stdio->exit_code = exit_code;
    text_clear(&stdio->input.pending);
    close_source(stdio->loop, &stdio->input.source);
    for (StdioListener *listener = stdio->listeners, *next; listener; listener = next) {
        next = listener->next;
        listener->ended(listener, exit_code);
    }
}
