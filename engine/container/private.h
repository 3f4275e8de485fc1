// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "engine/container/container.h"
#include "engine/container/monitor.h"
#include "engine/container/table.h"
#include "engine/container/wait.h"

/* What the files of this folder share.
 *
 * Locks, in this order: Container.operation, held by whoever changes the container, also over I/O;
 * Containers.mutex, held for a few instructions; then the store's. Nobody holds the mutex while
 * calling out. */
typedef struct Exec {
    struct Exec *next;
    char id[65];
    bool started, exited;
    int exit_code;
    ContainerWaiter *waiters;
} Exec;

struct Container {
    char id[65];
    atomic_int references;
    pthread_mutex_t operation;
    bool has_task;       /* under operation: a shim holds a task that was not started yet */
    bool orphaned;       /* under operation: found dead without a word of its shim */
    uint64_t generation; /* under operation: counts tasks, so that late news are known as such */
    unsigned holds;      /* under operation: who has this task frozen (hold.h) */
    ContainerRecord *record; /* from here on under Containers.mutex */
    ContainerWaiter *waiters;
    Exec *execs;
    bool listed;  /* false: being created, or removed */
    bool unsaved; /* the record is not the stored one */
};

struct Containers {
    ContainersOptions with;
    char *shim_program;   /* absolute */
    char *engine_address; /* what shims are told */
    int launch_lock;      /* see containers.c */
    Monitor *monitor;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    bool interrupted;
    bool fresh;              /* the volatile state was empty: the machine has been started */
    pthread_t revive_thread; /* revive.c */
    bool reviving;
    Container **container; /* sorted by id */
    size_t n;
    unsigned unsaved; /* of them */
};

/* wait.c: takes the waiters whose condition holds off the container and calls them. What happened:
 * a life has ended (CONTAINER_NEXT_EXIT), the last one (CONTAINER_NOT_RUNNING), or a removal. */
void waiters_wake(
    Containers *containers, Container *container, ContainerCondition happened, int exit_code);
void exec_waiters_wake(Containers *containers, Container *container, Exec *exec, int exit_code);

/* Paths of the parts of a container; new strings. */
char *path_bundle(const Containers *containers, const char *id);
char *path_shim_socket(const Containers *containers, const char *id);
char *path_attach_socket(const Containers *containers, const char *id);
char *path_lookup(const Containers *containers, const char *id);

/* The shim's commands for this container; borrows from the arguments. */
TaskShim shim_of(const Containers *containers, const Container *container, const char *bundle,
    const char *socket);

/* start.c, under operation. prepare: everything up to a created task; abandon: undoes it. */
int start_prepare(Containers *containers, Container *container, Error *err);
void start_abandon(Containers *containers, Container *container);
int start_again(Containers *containers, Container *container, Error *err);

/* exit.c. exit_watch: from now on the monitor tells exit_ended, which takes operation, about the
 * task (exec_id "") or exec. exit_handle, under operation: the program of a running container has
 * ended, or its shim is gone; false: nobody saw how it ended. exit_clean_up, under operation:
 * nothing of a task is left; when it fails, the bundle is, and leads the next attempt. */
int exit_watch(Containers *containers, Container *container, const char *exec_id, Error *err);
void exit_ended(void *containers, const MonitorWatch *watch, const MonitorNews *news);
bool exit_handle(Containers *containers, Container *container, const TaskExit *exit);
int exit_clean_up(Containers *containers, Container *container, Error *err);

/* exec.c. Adopted is what an earlier engine made. */
int exec_adopt(Containers *containers, Container *container, const char *exec_id, Error *err);
void exec_ended(
    Containers *containers, Container *container, const char *exec_id, const TaskExit *exit);

/* endpoint.c: the network's endpoint and the record's. */
ContainerEndpoint *endpoint_encode(const Endpoint *endpoint);
void endpoint_decode(const ContainerEndpoint *from, const char *container, Endpoint *ret);
int endpoint_leave(Containers *containers, const ContainerRecord *record, Error *err);
PortBinding *ports_decode(const JsonObjects *ports, size_t *ret_n);

/* remove.c, under operation: the rest of a removal, however far it had come; of one that begins
 * now, with its anonymous volumes? */
int remove_finish(Containers *containers, Container *container, bool volumes, Error *err);

/* revive.c, under operation: goes on if its restart policy says so. */
void revive_orphan(Containers *containers, Container *container);
void container_event(Containers *containers, const ContainerRecord *record, const char *action);
/* If the kernel has killed something between the two, also as containerd's event of a task. */
void container_event_oom(
    Containers *containers, const ContainerRecord *before, const ContainerRecord *after);
