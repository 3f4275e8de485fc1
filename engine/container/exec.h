// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/container/container.h"

/* Further processes in a running container. The shim keeps their streams; after a restart of the
 * engine a waiter finds them by their id through the shim. */
typedef struct ExecSettings {
    JsonTexts command, environment;
    char *user, *working_directory;
    bool terminal, open_stdin, privileged;
    unsigned terminal_rows, terminal_columns;
} ExecSettings;
void exec_settings_done(ExecSettings *settings);
CLEANUP_DEFINE_DONE(ExecSettings, exec_settings_done)

/* Not yet running. *ret_id and *ret_socket (where to attach) are the caller's. ERROR_STATE: the
 * container does not run. */
int container_exec_create(Containers *containers, const char *reference,
    const ExecSettings *settings, char **ret_id, char **ret_socket, Error *err);

/* Reasons COMMAND_NOT_FOUND and COMMAND_NOT_EXECUTABLE. */
int container_exec_start(
    Containers *containers, const char *reference, const char *exec_id, Error *err);
