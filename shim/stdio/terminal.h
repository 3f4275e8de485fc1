// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* How a runtime hands over the terminal of a process: it makes the pair inside of the container and
 * sends the master's descriptor over the console socket that its command line names. */
typedef struct ConsoleSocket {
    char *path;      /* removed by console_socket_done, */
    char *directory; /* as is this one, if it was made for the socket */
    int listener;
} ConsoleSocket;

#define CONSOLE_SOCKET_NULL                                                                        \
    { .listener = -1 }

/* directory: absolute; runtimes connect by a name of at most 107 bytes, so that a longer one goes
 * into a private directory below /tmp. */
int console_socket_open(ConsoleSocket *console, const char *directory, Error *err);

/* After the runtime has succeeded: the master, non-blocking. ERROR_CORRUPT: not a terminal. */
int console_socket_receive(ConsoleSocket *console, int *ret_master, Error *err);
void console_socket_done(ConsoleSocket *console);

typedef struct TerminalSize {
    uint16_t rows, columns; /* 0: unknown */
} TerminalSize;

int terminal_resize(int master, TerminalSize size, Error *err);
