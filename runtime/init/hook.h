// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/cleanup.h"
#include "oci/runtime.h"

/* Programs that the configuration wants run at moments of a container's life
 * (config.md#posix-platform-hooks). Each gets the container's state on standard input; the first
 * failure ends the list. */

/* Where hooks write, by crun's annotations run.oci.hooks.stdout and run.oci.hooks.stderr: files of
 * the host, appended to. -1: what a hook writes goes into the message of its failure. */
typedef struct HookOutput {
    int fd[2];
} HookOutput;

#define HOOK_OUTPUT_NONE                                                                           \
    {                                                                                              \
        .fd = { -1, -1 }                                                                           \
    }

/* In the runtime, for hooks that run in the container's namespaces. */
int hook_output_open(const JsonMap *annotations, HookOutput *ret, Error *err);
void hook_output_done(HookOutput *output);
CLEANUP_DEFINE_DONE(HookOutput, hook_output_done)

/* In the runtime: prestart and createRuntime, in the bundle's directory, as the reference runtime;
 * poststart; poststop, where a failure is a warning in the log, and the list goes on
 * (runtime.md#lifecycle). No hooks: NULL. */
int hooks_run_before_pivot(const OciHooks *hooks, const OciState *state, Error *err);
int hooks_run_poststart(const OciHooks *hooks, const OciState *state, Error *err);
void hooks_run_poststop(const OciHooks *hooks, const OciState *state);

/* In init, in the directory that it is in. environment: of hooks that have none of their own; NULL
 * is an empty one. */
typedef struct HookRun {
    const char *kind;
    const OciState *state;
    char *const *environment;
    const char *directory; /* NULL: where we are */
    HookOutput output;
} HookRun;
int hooks_run(const JsonObjects *hooks, const HookRun *run, Error *err);

/* The text that goes with a seccomp notify descriptor (runtime.md, ContainerProcessState). */
char *hook_process_state(const OciState *state, const char *metadata);
