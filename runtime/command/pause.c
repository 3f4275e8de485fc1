// SPDX-License-Identifier: Apache-2.0
#include "runtime/command/command.h"
#include "runtime/container/launch.h"

static const Option options[] = {{}};

/* pause and resume differ only in what they do to the loaded container. */
static int run_on(const Command *command, const Globals *globals, int argc, char **argv,
    int (*act)(const Container *container, Error *err), Error *err) {
    autodone(Container) container = {.dir = -1};
    struct {
        int none;
    } parsed;
    int first;
    int r = command_parse(command, argc, argv, 1, 1, &parsed, &first, err);
    if (r)
        return r < 0 ? r : 0;
    TRY(container_load(&container, globals->root, argv[first], err));
    return act(&container, err);
}

static int run_pause(const Globals *globals, int argc, char **argv, Error *err) {
    return run_on(&command_pause, globals, argc, argv, container_pause, err);
}

static int run_resume(const Globals *globals, int argc, char **argv, Error *err) {
    return run_on(&command_resume, globals, argc, argv, container_resume, err);
}

const Command command_pause = {
    "pause", "ID", "stop every process of a container, to be resumed later", run_pause, options};
const Command command_resume = {
    "resume", "ID", "let the processes of a paused container go on", run_resume, options};
