// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "output/settings.h"
#include "proto/google/protobuf/any.pb-c.h"
#include "shim/health.h"
#include "shim/restart.h"
#include "shim/stdio/stdio.h"
#include "shim/stdio/terminal.h"

typedef struct TaskLog {
    char *path;              /* absolute; NULL: none */
    OutputSettings settings; /* their texts are those of `options` */
    JsonMap options, attributes;
    char *tag, *container_name, *image_name;
} TaskLog;

/* CreateTaskRequest.options, whoever wrote them: tare.shim.v1.Options, containerd.runc.v1.Options,
 * runtimeoptions.v1.Options with the same in TOML, or none. */
typedef struct TaskOptions {
    char *runtime, *runtime_root;      /* NULL: default */
    char *shim_cgroup;                 /* NULL: the caller's */
    char *criu_work;                   /* absolute; NULL: in the bundle */
    char *attach_socket, *exit_record; /* absolute; NULL: none, or the bundle's */
    TaskLog log;
    bool open_stdin, stdin_once, systemd_cgroup, no_pivot, no_new_keyring;
    StdioOwner io_owner;
    TerminalSize terminal_size;
    Restart restart;
    HealthOptions health;
    char **runtime_arguments;                /* NULL: none */
    char *delegate;                          /* absolute path of a shim; NULL: an OCI runtime */
    Google__Protobuf__Any *delegate_options; /* NULL: none */
    bool of_tare;                            /* from our own engine, which knows our reasons */
} TaskOptions;

/* ERROR_INVALID: malformed, or of another type. */
int task_options_decode(
    const Google__Protobuf__Any *any, const char *name_space, TaskOptions *ret, Error *err);
void task_options_done(TaskOptions *options);
