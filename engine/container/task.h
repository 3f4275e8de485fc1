// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/container/log_config.h"
#include "engine/container/runtime.h"
#include "engine/snapshot/snapshot.h"
#include "ttrpc/client.h"

/* What the engine says to shims: containerd.task.v3 over ttrpc, and the shim's own start and delete
 * commands. A task is one container's; exec_id "" is its init process. */
typedef struct TaskShim {
    const char *program; /* absolute path of the shim */
    const char *id, *bundle, *socket, *address;
    int lock; /* held open by the command as long as it works, not by the shim */
} TaskShim;
int task_shim_start(const TaskShim *shim, Error *err);
int task_shim_kill(const char *socket, Error *err); /* SIGKILL to who serves it, */
/* and what it leaves: processes, cgroup, rootfs mounts. */
int task_shim_clean_up(const TaskShim *shim, Error *err);

typedef struct TaskHealth {
    const char *process, *url; /* one of them; process: a file's absolute path */
    int64_t interval, timeout, start_period, start_interval;
    unsigned retries;
    const char *on_failure;
    int stop_signal;
} TaskHealth;

typedef struct TaskCreate {
    const char *id, *bundle;
    const SnapshotMount *rootfs;
    bool terminal, open_stdin, stdin_once;
    unsigned terminal_rows, terminal_columns;
    const TaskRuntime *runtime;
    const char *runtime_root, *attach_socket, *exit_record;
    const LogConfig *log;
    const char *restart; /* policy; NULL: none */
    unsigned restart_retries;
    const TaskHealth *health; /* NULL: none */
} TaskCreate;

typedef enum TaskStatus {
    TASK_UNKNOWN,
    TASK_CREATED,
    TASK_RUNNING,
    TASK_STOPPED,
    TASK_PAUSED,
} TaskStatus;

typedef struct TaskState {
    TaskStatus status;
    unsigned pid;
} TaskState;
typedef struct TaskAsk {
    const char *id, *exec_id;
    int64_t timeout; /* ns; 0: 10 s */
} TaskAsk;

typedef struct TaskExit {
    bool known;    /* false: the shim is gone and said nothing */
    int exit_code; /* as a shell has it */
    int64_t exited;
    bool oom_killed;
} TaskExit;

/* The present life of a task that its shim restarts, and the end of its last one. */
typedef struct TaskChange {
    bool known; /* false: the shim is gone, or says nothing of this */
    uint64_t revision;
    unsigned pid, restart_count; /* pid 0: between two lives, or over */
    bool restarting, oom_killed;
    ContainerOom *oom;       /* NULL: nothing was killed */
    int64_t started, exited; /* 0: not yet */
    int exit_code;
    char *health_status; /* NULL: no health checks */
    unsigned failing_streak;
    struct {
        int64_t started, ended;
        int exit_code;
        char *output;
    } results[5];
    size_t results_n;
} TaskChange;
void task_change_done(TaskChange *change);

typedef struct TaskExec {
    const char *id, *exec_id;
    bool terminal;
    const char *process; /* JSON of the OCI process */
} TaskExec;

int task_create(TtrpcClient *client, const TaskCreate *create, unsigned *ret_pid, Error *err);
int task_start(
    TtrpcClient *client, const char *id, const char *exec_id, unsigned *ret_pid, Error *err);
int task_state(TtrpcClient *client, const TaskAsk *ask, TaskState *ret, Error *err);
int task_kill(TtrpcClient *client, const char *id, const char *exec_id, int signal, Error *err);
int task_freeze(TtrpcClient *client, const char *id, bool freeze, Error *err);
int task_exec(TtrpcClient *client, const TaskExec *exec, Error *err);
int task_delete(TtrpcClient *client, const char *id, const char *exec_id, Error *err);
int task_shutdown(TtrpcClient *client, const char *id, Error *err);

/* A connection with a pending Wait; task_wait_end is for when its descriptor is readable:
 * ERROR_TIMEOUT: not yet. A lost connection is ret->known = false. */
int task_wait_begin(
    const char *socket, const char *id, const char *exec_id, TtrpcClient **ret, Error *err);
int task_wait_end(TtrpcClient *client, TaskExit *ret, Error *err);

/* The same for the next change after revision `seen`. ERROR_UNSUPPORTED: another project's shim. */
int task_watch_begin(
    const char *socket, const char *id, uint64_t seen, TtrpcClient **ret, Error *err);
int task_watch_end(TtrpcClient *client, TaskChange *ret, Error *err);
int task_set_restart(
    TtrpcClient *client, const char *id, const char *policy, unsigned retries, Error *err);

/* resources: JSON of the OCI document. */
int task_update(TtrpcClient *client, const char *id, const char *resources, Error *err);
