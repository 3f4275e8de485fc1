// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "base/error.h"
#include "engine/container/task.h"

/* Waits for the ends of all tasks and execs, and for the changes of tasks that their shims restart:
 * one thread watches one connection with a pending call for each; what has to be done then runs on
 * a few threads of its own. */
typedef struct Monitor Monitor;

typedef struct MonitorWatch {
    TtrpcClient *client; /* with a Wait or Watch under way; taken, also on failure */
    void *subject;
    uint64_t generation; /* for the subject's own use */
    bool changes;        /* it is a Watch */
    char exec_id[65];    /* "": the task itself */
} MonitorWatch;

typedef struct MonitorNews {
    TaskExit exit;     /* of a Wait */
    TaskChange change; /* of a Watch */
} MonitorNews;

/* news NULL: there will be none. */
typedef void MonitorTold(void *user, const MonitorWatch *watch, const MonitorNews *news);

int monitor_new(MonitorTold *told, void *user, Monitor **ret, Error *err);
void monitor_free(Monitor *monitor); /* tells of pending watches that there is no news */

/* The watch is copied. `told` is called once. */
int monitor_watch(Monitor *monitor, const MonitorWatch *watch, Error *err);
