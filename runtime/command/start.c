// SPDX-License-Identifier: Apache-2.0
#include "runtime/command/command.h"
#include "runtime/container/launch.h"
#include "runtime/container/notify.h"

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
    autoclose int notify = -1;
    TRY(notify_listen(&container, &notify, err));
    TRY(container_start(&container, err));
    if (notify >= 0)
        notify_wait(notify, (pid_t)container.record.pid.value);
    return 0;
}

const Command command_start = {
    "start", "ID", "run the program of a created container", run, options};
