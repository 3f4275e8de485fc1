// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <unistd.h>

#include "shim/stdio/private.h"

enum {
    INPUT_MAX = 65536 /* bytes that the program has not read; then writers wait */
};

static void watch_input(Stdio *stdio) {
    Input *input = &stdio->input;
    if (input->source.fd >= 0)
        loop_watch(stdio->loop, &input->source, input->pending.length ? EPOLLOUT : 0);
    if (input->fifo.fd >= 0)
        loop_watch(stdio->loop, &input->fifo, input->pending.length < INPUT_MAX ? EPOLLIN : 0);
}

void stdio_write_input(Stdio *stdio) {
    Input *input = &stdio->input;
    if (input->source.fd >= 0 && !stdio_write_pending(input->source.fd, &input->pending)) {
        stdio_close_source(stdio->loop, &input->source); /* the program does not read any more */
        text_clear(&input->pending);
    }
    /* a terminal has no half-close */
    if (input->ending && input->pending.length == 0 && !stdio->terminal && input->source.fd >= 0) {
        stdio_close_source(stdio->loop, &input->source);
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
    stdio_write_input(stdio);
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
        stdio_close_source(stdio->loop, &stdio->input.fifo);
        stdio_close_input(stdio);
    }
}

void stdio_input(Stdio *stdio, const char *bytes, size_t n) {
    Input *input = &stdio->input;
    /* before the process is there, input waits for it */
    if (stdio->ended || input->ending || (stdio->opened && input->source.fd < 0))
        return;
    text_append_bytes(&input->pending, bytes, n);
    stdio_write_input(stdio);
}

bool stdio_input_full(const Stdio *stdio) {
    return stdio->input.pending.length >= INPUT_MAX;
}

/* A terminal has no half-close: who comes back to it types on. */
void stdio_close_input(Stdio *stdio) {
    if (stdio->terminal)
        return;
    stdio->input.ending = true;
    stdio_write_input(stdio);
}

void stdio_release_input(Stdio *stdio) {
    Input *input = &stdio->input;
    if (input->fifo_writer >= 0)
        close(input->fifo_writer);
    input->fifo_writer = -1;
    if (input->fifo.fd < 0)
        stdio_close_input(stdio);
}

void stdio_input_init(Stdio *stdio) {
    stdio->input = (Input){.source = {.fd = -1, .flow = true, .handle = on_input, .owner = stdio},
        .fifo = {.fd = -1, .flow = true, .handle = on_fifo, .owner = stdio},
        .fifo_writer = -1};
}

void stdio_input_done(Stdio *stdio) {
    stdio_close_source(stdio->loop, &stdio->input.source);
    stdio_close_source(stdio->loop, &stdio->input.fifo);
    if (stdio->input.fifo_writer >= 0)
        close(stdio->input.fifo_writer);
    text_done(&stdio->input.pending);
}
