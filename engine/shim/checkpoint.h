// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/shim/shim.h"

/* Where criu's images of a task lie between its shim and the content store: on the disk, as they
 * are as large as the task's memory. Those of a restore live as long as the task, which reads them
 * only when it starts. */
typedef enum CheckpointUse {
    CHECKPOINT_DUMP,
    CHECKPOINT_RESTORE,
} CheckpointUse;

/* A new, empty directory. ERROR_UNAVAILABLE: another call has it. */
int checkpoint_directory_make(const Shims *shims, const ShimTask *task, CheckpointUse use,
    char **ret_path, int *ret_fd, Error *err);
void checkpoint_directory_remove(const Shims *shims, const ShimTask *task, CheckpointUse use);

/* Start-up: those whose call or task is no more. */
void checkpoint_directories_sweep(const Shims *shims);
