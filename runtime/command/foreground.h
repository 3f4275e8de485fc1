// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "oci/runtime.h"

/* A process of a container in the foreground: until it ends we hand signals on, and with a terminal
 * we are its other side. */

/* Before the process is made: blocks the signals that are handed on. */
void foreground_begin(void);

typedef struct Foreground {
    pid_t pid;
    int master;     /* of its terminal; -1: none */
    int notify;     /* its sd_notify socket; -1: none */
    bool subreaper; /* what the container leaves behind is ours to reap */
} Foreground;

/* Waits. Returns the exit code as a shell has it. */
int foreground_wait(Foreground foreground, Error *err);

/* Gives the container's terminal, or the size of one to come, the size of ours. */
void foreground_copy_size(int master);
void foreground_read_size(OciBox *ret);

/* A socket pair for a terminal that stays with us: pass [1] on as the console socket, then receive.
 */
int foreground_open_console(int ret[2], Error *err);
