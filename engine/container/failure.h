// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"

/* Errors of runtimes that say that the program could not be executed get the reason
 * COMMAND_NOT_FOUND or COMMAND_NOT_EXECUTABLE: ours sends it, runc and crun only have words. */
void command_failure_classify(Error *err);

/* As a shell and Docker have it: 127, 126; 128 for every other failure to start. */
int command_failure_exit_code(const Error *err);
