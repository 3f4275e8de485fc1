// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/init/init.h"

/* The file that becomes the container's program: where it is, and why it cannot be executed. What
 * the kernel says is kept, because tools look for it; what was found out follows in brackets. All
 * in the container, as its user. Reasons COMMAND_NOT_FOUND and COMMAND_NOT_EXECUTABLE. */

/* Fills init->program from args[0]. */
int program_locate(Init *init, Error *err);

/* Returns only when execve(2) has failed. */
int program_execute(const Init *init, Error *err);
