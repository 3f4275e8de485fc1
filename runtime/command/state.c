// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "runtime/command/command.h"
#include "runtime/command/report.h"

static const Option options[] = {{}};

static int run(const Globals *globals, int argc, char **argv, Error *err) {
    autodone(Container) container = {.dir = -1};
    struct {
        int none;
    } parsed;
    int first;
    int r = command_parse(&command_state, argc, argv, 1, 1, &parsed, &first, err);
    if (r)
        return r < 0 ? r : 0;
    TRY(container_load(&container, globals->root, argv[first], err));
    ContainerReport report = container_report(&container);
    autofree char *text = json_encode(&container_report_type, &report, 2);
    free(report.owner);
    puts(text);
    return 0;
}

const Command command_state = {
    "state", "ID", "print the state of a container as JSON", run, options};
