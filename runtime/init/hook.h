// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "oci/runtime.h"

/* Programs that the configuration wants run at moments of a container's life
 * (config.md#posix-platform-hooks). Each gets the container's state on standard input; the first
 * failure ends the list. environment: of hooks that have none of their own; NULL is an empty one.
 */
int hooks_run(const JsonObjects *hooks, const char *kind, const OciState *state,
    char *const *environment, Error *err);

/* poststop: a failure is a warning in the log, and the list goes on (runtime.md#lifecycle). */
void hooks_run_all(const JsonObjects *hooks, const char *kind, const OciState *state);

/* The text that goes with a seccomp notify descriptor (runtime.md, ContainerProcessState). */
char *hook_process_state(const OciState *state, const char *metadata);
