// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "base/process.h"

/* tare-runtime makes its own file safe from containers before it looks at one
 * (runtime/security/executable.c), a tenth of what an exec takes. Where it is started from a
 * read-only mount that is nowhere there is nothing left to do: the shim holds such a file. */

/* process_spawn() of a program that may be our runtime; others, and without privileges ours, are
 * run by their paths. */
int safe_program_spawn(const ProcessSpawn *spawn, pid_t *ret_pid, Error *err);
