// SPDX-License-Identifier: Apache-2.0
#include "shim/stdio/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "shim/stdio/private.h"

void stdio_close_source(Loop *loop, LoopSource *source) {
    loop_watch(loop, source, 0);
    if (source->fd >= 0)
        close(source->fd);
    source->fd = -1;
}

bool stdio_write_pending(int fd, Text *pending) {
    size_t done = 0;
    bool taken = true;
    while (taken && done < pending->length) {
        ssize_t n = write(fd, pending->data + done, pending->length - done);
        if (n > 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            break;
        else
            taken = errno == EINTR;
    }
    if (done > 0)
        memmove(pending->data, pending->data + done, pending->length -= done);
    return taken;
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

int stdio_new(const StdioOptions *options, Stdio **ret, Error *err) {
    Stdio *stdio = new (Stdio);
    *stdio = (Stdio){
        .loop = options->loop,
        .log = options->log,
        .apart = options->apart,
        .terminal = options->terminal,
        .open_stdin = options->open_stdin,
        .stdin_once = options->stdin_once,
        .id = text_copy(options->id),
        .name_space = text_copy(options->name_space),
        .farewells = options->farewells,
        .owner = options->owner,
        .relay = options->relay,
    };
    for (int i = 0; i < 3; i++)
        if (!text_is_empty(options->paths[i]))
            stdio->paths[i] = text_copy(options->paths[i]);
    stdio->relay.fifos = text_copy(options->relay.fifos);
    stdio_output_init(stdio);
    stdio_input_init(stdio);
    *ret = stdio;
    return 0;
}

Stdio *stdio_free(Stdio *stdio) {
    if (!stdio)
        return NULL;
    stdio_output_done(stdio);
    stdio_input_done(stdio);
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

LogSink *stdio_log(const Stdio *stdio) {
    return stdio->log;
}

void stdio_update(Stdio *stdio) {
    stdio_pump(stdio);
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
    stdio_pump(stdio);
}

void stdio_end(Stdio *stdio, int exit_code) {
    stdio->ended = true;
    stdio->exit_code = exit_code;
    text_clear(&stdio->input.pending);
    stdio_close_source(stdio->loop, &stdio->input.source);
    for (StdioListener *listener = stdio->listeners, *next; listener; listener = next) {
        next = listener->next;
        listener->ended(listener, exit_code);
    }
}
