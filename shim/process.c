// SPDX-License-Identifier: Apache-2.0
#include "shim/process.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"

static const char *const state_names[] = {
    [PROCESS_CREATED] = "created",
    [PROCESS_RUNNING] = "running",
    [PROCESS_PAUSED] = "paused",
    [PROCESS_ENDING] = "ending",
    [PROCESS_RESTARTING] = "restarting",
    [PROCESS_STOPPED] = "stopped",
};
_Static_assert(array_size(state_names) == PROCESS_STATES, "a name for every state");

void process_init(Process *process, Container *container, const char *id) {
    *process = (Process){.container = container, .id = text_copy(id)};
}

void process_done(Process *process) {
    process->stdio = stdio_free(process->stdio);
    free(process->id);
    free(process->spec);
    for (int i = 0; i < 3; i++)
        free(process->paths[i]);
    *process = (Process){};
}

const char *process_state_name(ProcessState state) {
    return state_names[state];
}
