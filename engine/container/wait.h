// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/container/container.h"

/* Waiting without a thread: `done` is called once, from any thread, when the condition holds. */
typedef enum ContainerCondition {
    CONTAINER_NOT_RUNNING, /* holds at once for one that does not run */
    CONTAINER_NEXT_EXIT,
    CONTAINER_REMOVED,
} ContainerCondition;

typedef struct ContainerWaiter {
    void (*done)(struct ContainerWaiter *waiter, int exit_code, const char *error);
    void *user;
    /* ours */
    struct ContainerWaiter *next;
    ContainerCondition condition;
    bool linked, cancelled;
} ContainerWaiter;

/* 0: `done` was or will be called, unless the waiter is cancelled first. The waiter's memory is the
 * caller's. */
int container_wait(Containers *containers, const char *reference, ContainerCondition condition,
    ContainerWaiter *waiter, Error *err);

/* The same for an exec. ERROR_NOT_FOUND. */
int container_exec_wait(Containers *containers, const char *reference, const char *exec_id,
    ContainerWaiter *waiter, Error *err);

/* True: `done` has not been called and never will be. */
bool container_wait_cancel(Containers *containers, ContainerWaiter *waiter);
