// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "shim/container.h"

/* The lives of a container: with a restart policy there may be several, one after the other, with a
 * delay between them. */
int life_begin(Container *container, Error *err);      /* from PROCESS_CREATED */
int life_begin_anew(Container *container, Error *err); /* from PROCESS_RESTARTING */

/* A LoopHandler for Container.restart_timer: TASK_RESTART. */
void life_restart(void *container, uint32_t events);

/* The process has ended, and what it wrote is delivered; then TASK_DRAINED. */
void life_drain(Process *process);

/* Init has ended and what it wrote is delivered: another life will follow, or nothing. */
void life_end(Container *container);

/* Nothing follows: the exit record, then the news. */
void life_stop(Container *container);
