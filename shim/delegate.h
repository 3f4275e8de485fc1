// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "proto/containerd/types/mount.pb-c.h"
#include "proto/google/protobuf/any.pb-c.h"
#include "shim/loop.h"
#include "shim/runtime.h"
#include "shim/stdio/terminal.h"
#include "ttrpc/server.h"

/* Another project's shim (io.containerd.runc.v2, gVisor's, kata's …) where our shim else has an OCI
 * runtime: it makes the container and is parent of its processes; what it has no word for (log,
 * attached clients, exit record, restarts) stays with us (docs/decisions/0016). It is spoken to as
 * containerd does: start and delete commands in the bundle, the Task service over ttrpc, streams
 * through FIFOs. Calls wait for it, as they do for a runtime. Between two lives there is none. */
typedef struct Delegate Delegate;

typedef struct DelegateOptions {
    Loop *loop;
    const char *program; /* absolute */
    const char *id, *bundle, *name_space;
    const char *engine;                   /* address that it is told */
    const char *events;                   /* path of the ttrpc socket that takes its events */
    const Google__Protobuf__Any *options; /* of CreateTaskRequest; NULL: none */
    Containerd__Types__Mount **rootfs;
    size_t rootfs_n;
    /* A process has ended; exec_id "" is the container's init. From the loop. */
    void (*exited)(void *owner, const char *exec_id, int exit_code);
    void *owner;
} DelegateOptions; /* copied */

Delegate *delegate_new(const DelegateOptions *options);
Delegate *delegate_free(Delegate *delegate); /* leaves the shim alone; returns NULL */

/* Where it listens, for the record that `delete` reads; NULL: it does not run. */
const char *delegate_address(const Delegate *delegate);
const char *delegate_program(const Delegate *delegate);
int delegate_version(const Delegate *delegate); /* of its Task service: 2 or 3 */

int delegate_start(Delegate *delegate, Error *err); /* nothing if it runs already */
int delegate_create(Delegate *delegate, const RuntimeProcess *process, pid_t *ret_pid, Error *err);
int delegate_exec(Delegate *delegate, const RuntimeProcess *process, const char *spec_file,
    pid_t *ret_pid, Error *err);
int delegate_command(
    Delegate *delegate, const char *command, Error *err); /* start, pause, resume */
int delegate_kill(Delegate *delegate, const char *exec_id, int signal, bool all, Error *err);
int delegate_update(Delegate *delegate, const char *resources_file, Error *err);
int delegate_resize(Delegate *delegate, const char *exec_id, TerminalSize size, Error *err);
int delegate_close_input(Delegate *delegate, const char *exec_id, Error *err);

/* Kills what still runs and ends the shim. */
int delegate_delete(Delegate *delegate, Error *err);

/* `delete`, after we were killed ourselves: address NULL when none was recorded. */
int delegate_clean_up(const DelegateOptions *options, const char *address, int version, Error *err);

/* Where a delegate sends its events: they tell us nothing that its answers do not. */
extern const char *const delegate_events_names[];
int delegate_events_handle(void *owner, TtrpcCall *call, const ProtobufCMethodDescriptor *method,
    const ProtobufCMessage *request, ProtobufCMessage *response, Error *err);
