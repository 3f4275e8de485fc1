// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "shim/exit.h"
#include "shim/loop.h"

/* Hears when the kernel kills a process of the container for lack of memory, and finds out which
 * one it was and how much it used. One life of a container has one. */
typedef struct Container Container;
typedef struct Process Process;

typedef struct Oom {
    Container *container;
    LoopSource source; /* fd: the kernel's notice, -1 without */
    LoopTimer timer;
    int looks;       /* left, for a kill that was announced and is not counted yet */
    uint64_t closed; /* of the kills: their victims cannot be told from others any more */
    OomRecord record;
} Oom;

/* The container's cgroup is open. What cannot be watched is found out when the container ends. */
void oom_begin(Oom *oom, Container *container);
void oom_done(Oom *oom);

/* Looks at the kernel's count; events go out for what is new. */
void oom_look(Oom *oom);

/* A child of ours has ended by SIGKILL; before anybody hears of its end. */
void oom_killed(Oom *oom, const Process *process, const struct rusage *usage);

/* Somebody else sends SIGKILL from now on. */
void oom_close(Oom *oom);
