// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "oci/runtime.h"
#include "runtime/security/seccomp.h"

/* Programs that the configuration wants run at moments of a container's life
 * (config.md#posix-platform-hooks). Each gets the container's state on standard input; the first
 * failure ends the list. */
int hooks_run(const JsonObjects *hooks, const char *kind, const OciState *state, Error *err);

/* The text that goes with a seccomp notify descriptor (runtime.md, ContainerProcessState). */
char *hook_process_state(const OciState *state, const Seccomp *seccomp);
