// SPDX-License-Identifier: Apache-2.0
#include "runtime/command/command.h"
#include "runtime/container/launch.h"

static const Option options[] = {{}};

static int run(const Globals *globals, int argc, char **argv, Error *err) {
    autodone(Container) container = {.dir = -1};
    struct {
        int none;
    } parsed;
    int first;
    int r = command_parse(&command_start, argc, argv, 1, 1, &parsed, &first, err);
    if (r)
        return r < 0 ? r : 0;
    TRY(container_load(&container, globals->root, argv[first], err));
    return container_start(&container, err);
}

const Command command_start = {
    "start", "ID", "run the program of a created container", run, options};
