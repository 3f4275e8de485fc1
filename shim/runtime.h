// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "shim/loop.h"

typedef struct Delegate Delegate;

/* The OCI runtime, called by runc's command line, or another project's shim in its place. Calls
 * wait for the runtime, which takes milliseconds, or as long as a hook does; what containers write
 * meanwhile is passed on. Errors are the last one in the runtime's JSON log, with its code and
 * reason. */
typedef struct Runtime {
    char *binary; /* a path */
    char *root;   /* its --root; NULL: its default */
    char *bundle; /* absolute; the runtime's working directory */
    char *log;    /* absolute */
    bool systemd_cgroup;
    bool no_pivot, no_new_keyring;
    char **arguments;   /* of the user's own, before all others; NULL: none */
    Delegate *delegate; /* NULL: an OCI runtime */
    Loop *loop;         /* whose flows go on meanwhile; NULL: none */
} Runtime;

/* "" is tare-runtime; a name without a slash is looked for beside the shim's executable, in
 * ../libexec/tare and in $PATH. ERROR_NOT_FOUND. */
int runtime_find(const char *wanted, char **ret_binary, Error *err);

typedef struct RuntimeProcess {
    int fds[3];                 /* the process's; -1: /dev/null */
    const char *console_socket; /* NULL: no terminal */
    const char *pid_file;
    const char *exec_id; /* "": the container's init */
    bool terminal;
    const char *paths[3]; /* for a delegate: FIFOs, or "" */
} RuntimeProcess;

int runtime_create(const Runtime *runtime, const char *id, const RuntimeProcess *process,
    pid_t *ret_pid, Error *err);
int runtime_exec(const Runtime *runtime, const char *id, const RuntimeProcess *process,
    const char *spec_file, pid_t *ret_pid, Error *err);

/* Like create, from the images of a checkpoint; the program runs when it returns. */
int runtime_restore(const Runtime *runtime, const char *id, const RuntimeProcess *process,
    const char *image_path, const char *work_path, pid_t *ret_pid, Error *err);

typedef struct RuntimeCheckpoint {
    const char *image_path, *work_path, *parent_path, *cgroup_mode; /* the latter: NULL is none */
    bool leave_running, tcp_established, ext_unix_sk, shell_job, file_locks;
    char **empty_namespaces;
    size_t empty_namespaces_n;
} RuntimeCheckpoint;
int runtime_checkpoint(
    const Runtime *runtime, const char *id, const RuntimeCheckpoint *checkpoint, Error *err);

/* As a child of ours that lives as long as the process inside; the caller reaps it. */
int runtime_exec_attached(const Runtime *runtime, const char *id, const char *spec_file,
    const char *pid_file, const int fds[3], pid_t *ret_pid, Error *err);

/* start, pause, resume */
int runtime_command(const Runtime *runtime, const char *command, const char *id, Error *err);
int runtime_kill(const Runtime *runtime, const char *id, int signal, bool all, Error *err);
/* An exec that was started by runtime_exec. */
int runtime_kill_exec(
    const Runtime *runtime, const char *exec_id, pid_t pid, int signal, Error *err);
int runtime_update(const Runtime *runtime, const char *id, const char *resources_file, Error *err);

/* With --force: also kills what still runs. A container that the runtime does not know is fine. */
int runtime_delete(const Runtime *runtime, const char *id, Error *err);

void runtime_done(Runtime *runtime);
