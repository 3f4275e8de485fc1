// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/text.h"
#include "shim/output.h"
#include "shim/stdio/stdio.h"

/* The parts of a Stdio, for shim/stdio/: output.c reads the program's streams,
 * input.c feeds it, open.c makes what both are connected to. */

/* Where a stream's bytes go besides log and listeners. */
typedef struct Sink {
    LoopSource source; /* fd -1: none */
    Text pending;
    bool unmet; /* a FIFO that had no reader when it was opened */
} Sink;

typedef struct Stream {
    Stdio *stdio;
    LogStream kind;
    LoopSource source; /* fd -1: not open or at its end */
    Sink sink;
    LogSink *file; /* a client's; NULL: none; may be both streams' */
    size_t left;   /* while draining: bytes that may still be the process's own */
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
    bool apart, terminal, open_stdin, stdin_once, opened, draining, ended;
    char *paths[3], *id, *name_space;
    unsigned *farewells;
    Logger *logger;
    StdioOwner owner;
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

void stdio_close_source(Loop *loop, LoopSource *source);

/* Writes what fd takes now, off the front of *pending. False: nothing is ever taken again. */
bool stdio_write_pending(int fd, Text *pending);

void stdio_output_init(Stdio *stdio);
void stdio_output_done(Stdio *stdio);
void stdio_pump(Stdio *stdio); /* reads what is there, and decides what to watch */

void stdio_input_init(Stdio *stdio);
void stdio_input_done(Stdio *stdio);
void stdio_write_input(Stdio *stdio);
