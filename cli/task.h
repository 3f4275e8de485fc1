// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>

#include "cli/client.h"
#include "proto/containerd/services/containers.pb-c.h"
#include "proto/containerd/services/tasks.pb-c.h"

/* One process of containerd's Tasks service: a container's own, or with an exec id one beside it.
 */
typedef struct TaskProcess {
    const char *id;      /* of the container */
    const char *exec_id; /* NULL: the container's own */
} TaskProcess;

#define TASKS &containerd__tasks__tasks__descriptor

#define TASK_LOG_URI(type, member)                                                                 \
    {                                                                                              \
        0, "log-uri", OPTION_TEXT, offsetof(type, member), "string",                               \
            "Where output goes: file:///PATH or binary:///PROGRAM (default: nowhere)"              \
    }

int task_container(
    Client *client, const char *id, Containerd__Containers__GetContainerResponse **ret, Error *err);

int task_start(Client *client, TaskProcess process, Error *err);
int task_kill(Client *client, TaskProcess process, int signal, bool all, Error *err);

/* Waits for its end. Returns 0 with its exit code in *ret, which may be NULL. */
int task_wait(Client *client, TaskProcess process, uint32_t *ret, Error *err);

/* Only one that has ended, or was never started, can be deleted. */
int task_delete(Client *client, TaskProcess process, Error *err);
