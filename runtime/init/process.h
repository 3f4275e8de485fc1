// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/init/init.h"

/* The last steps before the program: who it runs as, where, and with what limits. All in the
 * container's namespaces, with its root as ours. */
int process_set_scheduling(Init *init, Error *err);

/* Before there is a process: process.scheduler, process.ioPriority. ERROR_INVALID. */
int process_check_scheduling(const OciProcess *process, Error *err);
int process_set_environment(Init *init, Error *err);
int process_enter_directory(Init *init, Error *err);
int process_set_user(Init *init, Error *err);

/* At the very beginning, before the process hides: then the file belongs to root of the host. */
int process_set_oom_score(const OciProcess *process, Error *err);
