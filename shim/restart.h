// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Docker's restart policies. The shim keeps them, so that they hold while the engine is away;
 * "unless-stopped" differs from "always" only when the machine starts, which is the engine's. */
typedef enum RestartMode {
    RESTART_NO,
    RESTART_ON_FAILURE,
    RESTART_ALWAYS,
} RestartMode;

typedef struct Restart {
    RestartMode mode;
    unsigned maximum_retries; /* 0: without end */
    unsigned count;           /* restarts so far */
    int64_t delay;            /* before the last restart; ns */
    bool forced;              /* once, whatever the policy says */
} Restart;

/* name: "" or "no", "on-failure", "always", "unless-stopped". Leaves count and delay alone.
 * ERROR_INVALID. */
int restart_set(Restart *restart, const char *name, unsigned maximum_retries, Error *err);

/* Whether a life of `lived` ns that ended so is followed by another, and after how long: 100 ms,
 * doubled with each further restart up to a minute, and 100 ms again after a life of ten seconds.
 */
bool restart_decide(Restart *restart, int exit_status, int64_t lived, int64_t *ret_delay);
