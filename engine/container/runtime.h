// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/text.h"
#include "engine/config.h"

/* What the shim is told about the program that runs a container: an OCI runtime, or another
 * project's shim (docs/decisions/0016). */
typedef struct TaskRuntime {
    const char *path;         /* of an OCI runtime; NULL: the shim's choice */
    JsonTexts arguments;      /* of the user's own; the configuration's */
    char *delegate;           /* path of the other shim; NULL: none */
    const char *options_type; /* of what it gets with Create; NULL: nothing */
    Text options;
} TaskRuntime;

/* name as in config_runtime. root: where runc keeps its state. ERROR_NOT_FOUND: no such shim. */
int task_runtime_find(
    const Config *config, const char *name, const char *root, TaskRuntime *ret, Error *err);
void task_runtime_done(TaskRuntime *runtime);
CLEANUP_DEFINE_DONE(TaskRuntime, task_runtime_done)
