// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "shim/log/sink.h"
#include "shim/loop.h"
#include "shim/stdio/terminal.h"

/* The standard streams of one process of the container.
 *
 *     program ─► pipe or terminal ─► Stdio ─► log (waits only for a driver in blocking mode)
 *                                          ─► FIFO of containerd's client (waits for its reader)
 *                                          ─► listeners: attached clients
 *     program ◄─ pipe or terminal ◄─ Stdio ◄─ FIFO, attached clients
 *
 * Where another shim runs the process (shim/delegate.h), FIFOs are in the place of pipes and
 * terminal, and what is more than bytes goes to it by the hooks of StdioRelay.
 *
 * Output is read only while everybody can take more. A Stdio exists before its process (clients
 * attach first) and until the process is deleted. */
typedef struct Stdio Stdio;

/* An attached client as Stdio sees it. */
typedef struct StdioListener {
    void (*output)(struct StdioListener *listener, LogStream stream, const char *bytes, size_t n);
    void (*ended)(struct StdioListener *listener, int exit_code); /* after all output */
    void (*input_ready)(struct StdioListener *listener);          /* after stdio_input_full */
    bool wants_input;
    bool full; /* cannot take more; the owner calls stdio_update when this changes */
    struct StdioListener *next;
} StdioListener;

typedef struct StdioRelay {
    const char *fifos; /* the beginning of their path names; NULL: pipes, or a terminal */
    void (*resized)(void *owner, TerminalSize size);
    void (*input_closed)(void *owner);
    void *owner;
} StdioRelay;

/* Of the pipes, so that a program that is not root may open /dev/stdout again; 0: root's. */
typedef struct StdioOwner {
    uid_t uid;
    gid_t gid;
} StdioOwner;

typedef struct StdioOptions {
    Loop *loop;
    LogSink *log;         /* borrowed; NULL: none */
    const char *paths[3]; /* FIFOs; for outputs also what shim/output.h knows; "" or NULL: none */
    const char *id, *name_space; /* of the container, or of the exec */
    unsigned *farewells;         /* shim/logger.h */
    bool apart;                  /* shim/log/sink.h */
    bool terminal, open_stdin, stdin_once;
    StdioOwner owner;
    StdioRelay relay;
} StdioOptions;

int stdio_new(const StdioOptions *options, Stdio **ret, Error *err);
Stdio *stdio_free(Stdio *stdio); /* listeners must have left; returns NULL */

/* The child's descriptors for a process without terminal; the caller closes them with
 * stdio_close_child once the runtime has passed them on. With a terminal all three are -1. */
int stdio_open(Stdio *stdio, int ret_child[3], Error *err);
void stdio_close_child(int child[3]);
const char *stdio_fifo(const Stdio *stdio, int index); /* its path name, or "": none is open */
void stdio_set_terminal(Stdio *stdio, int master);     /* taken */

void stdio_join(Stdio *stdio, StdioListener *listener);
void stdio_leave(Stdio *stdio, StdioListener *listener);
void stdio_update(Stdio *stdio);
LogSink *stdio_log(const Stdio *stdio); /* NULL: none */

void stdio_input(Stdio *stdio, const char *bytes, size_t n);
bool stdio_input_full(const Stdio *stdio);
void stdio_close_input(Stdio *stdio);   /* once the program has read what waits */
void stdio_release_input(Stdio *stdio); /* CloseIO: the FIFO ends with its last writer */
void stdio_resize(Stdio *stdio, TerminalSize size); /* kept for a terminal that is yet to come */
TerminalSize stdio_size(const Stdio *stdio);

/* The process has ended: reads what it left, then calls drained(owner), now or later, but within
 * seconds; what descendants write afterwards is still passed on until stdio_free. */
void stdio_drain(Stdio *stdio, LoopHandler drained, void *owner);

/* Tells listeners, present and future. */
void stdio_end(Stdio *stdio, int exit_code);
