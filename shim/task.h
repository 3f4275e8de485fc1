// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "shim/process.h"
#include "ttrpc/server.h"

/* The behaviour of the shim as a table: state of the process × event. An empty cell is ERROR_STATE.
 */
typedef enum TaskEvent {
    TASK_START,
    TASK_DELETE,
    TASK_KILL,
    TASK_EXEC,
    TASK_PAUSE,
    TASK_RESUME,
    TASK_RESIZE,
    TASK_CLOSE_IO,
    TASK_UPDATE,
    TASK_CHECKPOINT,
    TASK_PIDS,
    TASK_STATS,
    TASK_STATE,
    TASK_WAIT,
    TASK_EXITED,  /* SIGCHLD; request->status */
    TASK_DRAINED, /* the output of an ended process is delivered */
    TASK_RESTART, /* the delay between two lives is over */
    TASK_EVENTS
} TaskEvent;

typedef struct TaskRequest {
    TtrpcCall *call; /* NULL: not from a client */
    const void *message;
    void *response;
    int status; /* of waitpid(2) */
} TaskRequest;

/* Returns 0, TTRPC_PARK, or err->code. After TASK_DELETE the process may be gone. */
int task_handle(Process *process, TaskEvent event, const TaskRequest *request, Error *err);
