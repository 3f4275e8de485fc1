// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "shim/stdio/stdio.h"

/* A process that clients know: the container's init (id "") or an exec.
 *
 *     CREATED ──start──► RUNNING ◄──► PAUSED      (init only)
 *        │                  │            │
 *        └────────exit──────┴────────────┴──► ENDING ──output drained──► STOPPED ──delete──►
 *                           ▲                    └──► RESTARTING ──kill──────┘
 *                           └────────delay────────────────┘   (init with a restart policy)
 *
 * An exec is CREATED from its Exec call on; the program runs from its Start call on. */
typedef enum ProcessState {
    PROCESS_CREATED,
    PROCESS_RUNNING,
    PROCESS_PAUSED,
    PROCESS_ENDING,     /* has ended, but output is on its way: nobody knows yet */
    PROCESS_RESTARTING, /* between two lives: init only */
    PROCESS_STOPPED,
    PROCESS_STATES
} ProcessState;

typedef struct Container Container;

typedef struct Process {
    struct Process *next; /* execs of the container */
    Container *container;
    char *id;
    ProcessState state;
    pid_t pid;                     /* 0 before it runs */
    int exit_status;               /* as a shell has it */
    int64_t started_at, exited_at; /* 0: not yet */
    bool terminal;
    char *paths[3]; /* as asked for; "" or FIFOs */
    char *spec;     /* exec: JSON of the OCI process */
    Stdio *stdio;
} Process;

void process_init(Process *process, Container *container, const char *id);
void process_done(Process *process);

const char *process_state_name(ProcessState state);
