// SPDX-License-Identifier: Apache-2.0
#include "cli/stream.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attach/frame.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/terminal.h"

/* One poll loop, four descriptors. Our standard streams may be shared with other processes, so they
 * are never made non-blocking: we write only after POLLOUT, and then at most PIPE_BUF bytes, which
 * a pipe always takes. Backpressure: the socket is not read while output is pending, stdin is not
 * read while input is pending.
 *
 *     stdin ──► to_shim ──► socket ──► from_shim ──► output (one frame) ──► stdout, stderr
 */
enum {
    CHUNK = 16384,
    WRITE_MAX = 4096, /* PIPE_BUF */
    PENDING_MAX = 64 << 10,
};

struct Stream {
    int socket, signals;
    int in, out, error; /* -1: not wanted, or done */
    bool terminal, redraw, exited, detached, over;
    bool lost;       /* the socket has ended; from_shim may still hold frames */
    bool out_broken; /* nobody reads our standard output any more */
    int exit_code;
    Detach detach;
    void (*on_signal)(int number, void *data);
    void *data;
    sigset_t old_mask;
    Text to_shim;
    size_t sent;
    Text from_shim;
    size_t taken;    /* bytes of from_shim that are done with */
    int output_fd;   /* where the payload at from_shim[taken…] goes */
    size_t output_n; /* bytes of it that are still to be written or dropped */
    size_t frame_n;  /* bytes of the frame's payload that did not arrive yet */
};

static void add_frame(Stream *stream, AttachType type, const void *payload, size_t n) {
    uint8_t header[ATTACH_HEADER_SIZE];
    attach_header_encode((AttachHeader){type, (uint32_t)n}, header);
    text_append_bytes(&stream->to_shim, header, sizeof header);
    text_append_bytes(&stream->to_shim, payload, n);
}

static void add_size(Stream *stream, unsigned more) {
    TerminalSize size = terminal_size(STDIN_FILENO);
    if (!size.rows && !size.columns)
        size = terminal_size(STDOUT_FILENO);
    if (!size.rows && !size.columns)
        return;
    size.rows = (uint16_t)(size.rows + more);
    uint8_t payload[4] = {(uint8_t)(size.rows >> 8), (uint8_t)size.rows,
        (uint8_t)(size.columns >> 8), (uint8_t)size.columns};
    add_frame(stream, ATTACH_RESIZE, payload, sizeof payload);
}

/* The socket is still blocking: nothing else can happen before the shim answers. */
static int say_hello(Stream *stream, const StreamOptions *options, Error *err) {
    uint8_t flags =
        (uint8_t)((options->in ? ATTACH_WANT_STDIN : 0) | (options->out ? ATTACH_WANT_STDOUT : 0) |
                  (options->error ? ATTACH_WANT_STDERR : 0) |
                  (options->replay ? ATTACH_WANT_REPLAY : 0) |
                  (options->patient ? ATTACH_PATIENT : 0));
    autodone(Text) hello = {};
    text_append_char(&hello, (char)flags);
    text_append(&hello, options->exec_id ? options->exec_id : "");
    uint8_t header[ATTACH_HEADER_SIZE];
    attach_header_encode((AttachHeader){ATTACH_HELLO, (uint32_t)hello.length}, header);
    TRY(fd_write_all(stream->socket, header, sizeof header, err));
    TRY(fd_write_all(stream->socket, hello.data, hello.length, err));

    AttachHeader answer = {};
    TRY(fd_read_exactly(stream->socket, header, sizeof header, err));
    TRY(attach_header_decode(header, &answer, err));
    autofree char *text = memory_new(answer.length + 1);
    TRY(fd_read_exactly(stream->socket, text, answer.length, err));
    if (answer.type == ATTACH_FAILED)
        return error_set(err, ERROR_STATE, "%s", text);
    if (answer.type != ATTACH_READY)
        return error_set(err, ERROR_CORRUPT, "expected an answer to the greeting");
    return 0;
}

/* Signals stay pending in the signalfd until the relay runs, so none is lost in between. */
static int take_signals(Stream *stream, Error *err) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    if (stream->on_signal) {
        sigfillset(&set); // Docker's: all but those that are about ourselves
        static const int ours[] = {SIGCHLD, SIGPIPE, SIGURG, SIGTTIN, SIGTTOU, SIGSEGV, SIGBUS,
            SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
        for (size_t i = 0; i < array_size(ours); i++)
            sigdelset(&set, ours[i]);
    }
    stream->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (stream->signals < 0)
        return error_set_errno(err, errno, "cannot make a signal descriptor");
    sigaddset(&set, SIGPIPE); // a broken stdout must not leave the terminal raw: EPIPE instead
    pthread_sigmask(SIG_BLOCK, &set, &stream->old_mask);
    return 0;
}

int stream_open(const StreamOptions *options, Stream **ret, Error *err) {
    autoptr(Stream) stream = new (Stream);
    stream->socket = stream->signals = -1;
    stream->in = options->in ? STDIN_FILENO : -1;
    stream->out = options->out ? STDOUT_FILENO : -1;
    stream->error = options->error ? STDERR_FILENO : -1;
    stream->terminal = options->terminal;
    stream->redraw = options->redraw;
    stream->detach = options->detach;
    stream->on_signal = options->on_signal;
    stream->data = options->data;
    pthread_sigmask(SIG_BLOCK, NULL, &stream->old_mask);
    if (fd_connect(options->socket, &stream->socket, err) < 0 ||
        say_hello(stream, options, err) < 0)
        return error_prefix(err, "cannot attach to the container's streams");
    TRY(fd_set_nonblocking(stream->socket, true, err));
    TRY(take_signals(stream, err));
    *ret = take_ptr(&stream);
    return 0;
}

void stream_free(Stream *stream) {
    if (!stream)
        return;
    terminal_restore();
    if (stream->socket >= 0)
        close(stream->socket);
    if (stream->signals >= 0)
        close(stream->signals);
    pthread_sigmask(SIG_SETMASK, &stream->old_mask, NULL);
    text_done(&stream->to_shim);
    text_done(&stream->from_shim);
    free(stream);
}

static void read_stdin(Stream *stream) {
    uint8_t in[CHUNK], out[CHUNK + DETACH_KEYS_MAX];
    ssize_t n = read(stream->in, in, sizeof in);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) { // end of file, or a terminal that hung up
        add_frame(stream, ATTACH_STDIN, "", 0);
        stream->in = -1;
        return;
    }
    size_t length = 0;
    stream->detached = detach_filter(&stream->detach, in, (size_t)n, out, &length);
    if (length)
        add_frame(stream, ATTACH_STDIN, out, length);
}

static void read_signals(Stream *stream) {
    struct signalfd_siginfo info;
    while (read(stream->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGWINCH && stream->terminal)
            add_size(stream, 0);
        else if (stream->on_signal)
            stream->on_signal((int)info.ssi_signo, stream->data);
    }
}

static void write_socket(Stream *stream) {
    ssize_t n = send(stream->socket, stream->to_shim.data + stream->sent,
        stream->to_shim.length - stream->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EINTR && errno != EAGAIN) {
        n = (ssize_t)(stream->to_shim.length - stream->sent); // gone: reading will tell
        stream->in = -1;
    }
    stream->sent += n > 0 ? (size_t)n : 0;
    if (stream->sent == stream->to_shim.length) {
        stream->sent = 0;
        text_clear(&stream->to_shim);
    }
}

static void read_socket(Stream *stream) {
    char buffer[CHUNK * 4];
    ssize_t n = recv(stream->socket, buffer, sizeof buffer, 0);
    if (n > 0)
        text_append_bytes(&stream->from_shim, buffer, (size_t)n);
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
        stream->lost = true;
}

static size_t available(const Stream *stream) {
    return stream->from_shim.length - stream->taken;
}

static void take(Stream *stream, size_t n) {
    stream->taken += n;
    if (stream->taken == stream->from_shim.length) {
        stream->taken = 0;
        text_clear(&stream->from_shim);
    }
}

static uint32_t read_be32(const char *bytes) {
    const uint8_t *b = (const uint8_t *)bytes;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Takes frames from from_shim until one has output to be written, or more bytes are needed. */
static int parse_frames(Stream *stream, Error *err) {
    while (!stream->output_n && !stream->exited) {
        if (stream->frame_n) { // the rest of a payload
            stream->output_n =
                available(stream) < stream->frame_n ? available(stream) : stream->frame_n;
            stream->frame_n -= stream->output_n;
            if (!stream->output_n)
                return 0;
            if (stream->output_fd < 0) {
                take(stream, stream->output_n);
                stream->output_n = 0;
            }
            continue;
        }
        if (available(stream) < ATTACH_HEADER_SIZE)
            return 0;
        const char *at = stream->from_shim.data + stream->taken;
        AttachHeader header = {};
        TRY(attach_header_decode((const uint8_t *)at, &header, err));
        if (header.type == ATTACH_EXIT) {
            if (available(stream) < ATTACH_HEADER_SIZE + sizeof(uint32_t))
                return 0;
            stream->exited = true;
            stream->exit_code = (int)read_be32(at + ATTACH_HEADER_SIZE);
            return 0;
        }
        stream->output_fd = header.type == ATTACH_STDOUT   ? stream->out
                            : header.type == ATTACH_STDERR ? stream->error
                                                           : -1;
        stream->frame_n = header.length;
        take(stream, ATTACH_HEADER_SIZE);
    }
    return 0;
}

static int write_output(Stream *stream, Error *err) {
    size_t n = stream->output_n < WRITE_MAX ? stream->output_n : WRITE_MAX;
    ssize_t done = write(stream->output_fd, stream->from_shim.data + stream->taken, n);
    if (done < 0) {
        if (errno == EINTR || errno == EAGAIN)
            return 0;
        if (errno == EPIPE)
            stream->out_broken = true;
        return error_set_errno(err, errno, "cannot write to standard %s",
            stream->output_fd == STDOUT_FILENO ? "output" : "error");
    }
    take(stream, (size_t)done);
    stream->output_n -= (size_t)done;
    return 0;
}

/* Sets over when nothing is left to write and nothing more can come. */
static int step(Stream *stream, Error *err) {
    TRY(parse_frames(stream, err));
    stream->over = !stream->output_n && (stream->exited || stream->lost);
    if (stream->over)
        return 0;
    bool writing = stream->output_n > 0;
    bool reading = !writing;
    bool sending = stream->to_shim.length > 0;
    struct pollfd polled[] = {
        {.fd = stream->socket, .events = (short)((reading ? POLLIN : 0) | (sending ? POLLOUT : 0))},
        {.fd = stream->signals, .events = POLLIN},
        {.fd = stream->to_shim.length < PENDING_MAX ? stream->in : -1, .events = POLLIN},
        {.fd = writing ? stream->output_fd : -1, .events = POLLOUT},
    };
    if (!polled[0].events)
        polled[0].fd = -1; // a hang-up would spin
    if (poll(polled, array_size(polled), -1) < 0)
        return errno == EINTR ? 0 : error_set_errno(err, errno, "cannot wait for input");
    if (polled[1].revents)
        read_signals(stream);
    if (polled[2].revents)
        read_stdin(stream);
    if (polled[3].revents)
        TRY(write_output(stream, err));
    if (sending && polled[0].revents & (POLLOUT | POLLERR))
        write_socket(stream);
    if (reading && polled[0].revents & (POLLIN | POLLHUP | POLLERR))
        read_socket(stream);
    return 0;
}

int stream_relay(Stream *stream, StreamResult *ret, Error *err) {
    if (stream->terminal) {
        TRY(stream->in >= 0 ? terminal_set_raw(stream->in, err) : 0);
        if (stream->redraw) // a terminal that keeps its size sends no SIGWINCH
            add_size(stream, 1);
        add_size(stream, 0);
    }
    int result = 0;
    while (result >= 0 && !stream->over && !stream->detached)
        result = step(stream, err);
    terminal_restore();
    if (stream->out_broken) { // as if SIGPIPE had come, with the terminal in order
        signal(SIGPIPE, SIG_DFL);
        pthread_sigmask(SIG_SETMASK, &stream->old_mask, NULL);
        raise(SIGPIPE);
    }
    TRY(result);
    *ret = (StreamResult){
        .end = stream->exited     ? STREAM_EXITED
               : stream->detached ? STREAM_DETACHED
                                  : STREAM_CLOSED,
        .exit_code = stream->exit_code,
    };
    return 0;
}
