// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "proto/containerd/task/v3/task.pb-c.h"
#include "proto/tare/shim/v1/options.pb-c.h"
#include "proto/tare/shim/v1/shim.pb-c.h"
#include "shim/cgroup.h"
#include "shim/health.h"
#include "shim/oom.h"
#include "shim/process.h"
#include "shim/restart.h"
#include "shim/runtime.h"
#include "shim/shim.h"

/* A container of the shim. Exists from Create to Delete; with a restart policy it has several
 * lives, one after the other, on the same root file system, log and name. */
struct Container {
    Container *next;
    Shim *shim;
    char *id, *bundle, *rootfs, *exit_record;
    char *criu_work; /* where criu logs; NULL: in the bundle, as long as it works */
    StdioOwner io_owner;
    char *checkpoint; /* images that the first life begins from; NULL: none */
    Runtime runtime;
    Cgroup cgroup;
    Oom oom;
    LogSink *log;
    AttachServer *attach; /* NULL: none */
    Process init;
    Process *execs;
    bool creating;                           /* Create is under way */
    bool private_pids;                       /* the kernel ends all processes with init */
    bool open_stdin, stdin_once, oom_killed; /* the last: how the last life ended */
    Restart restart;
    LoopTimer restart_timer;
    Health *health;    /* NULL: no health checks */
    uint64_t revision; /* counts what Watch tells */
};

Container *container_find(const Shim *shim, const char *id); /* or NULL */

/* The child that has ended, if it is a process of some container. */
Process *container_find_process(const Shim *shim, pid_t pid);

/* Does what Create asks for; on failure nothing is left. */
int container_create(Shim *shim, const Containerd__Task__V3__CreateTaskRequest *request,
    Container **ret, Error *err);

/* Undoes it, once the processes have ended: nothing of it is left on the machine. May be repeated
 * when it fails. */
int container_end(Container *container, Error *err);
Container *container_free(Container *container);

Process *container_find_exec(Container *container, const char *id); /* or NULL */
int container_add_exec(
    Container *container, const Containerd__Task__V3__ExecProcessRequest *request, Error *err);
void container_remove_exec(Container *container, Process *exec);
int container_start_exec(Process *exec, Error *err);

/* Start of a container that was created from a checkpoint. */
int container_restore(Container *container, Error *err);

/* Watchers hear of it. */
void container_changed(Container *container);

/* Between two lives: `forget` ends what the last one has left, but for the root file system and the
 * log; `recreate` leads to PROCESS_CREATED again. */
void container_forget_life(Container *container);
int container_recreate(Container *container, Error *err);
