// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include "base/error.h"

/* When memory is short, a shim goes before the engine that started it: its oom_score_adj is one
 * more than the caller's. pid: the server; called by `start`. */
int oom_score_raise(pid_t pid, Error *err);
