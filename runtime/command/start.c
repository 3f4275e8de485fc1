// SPDX-License-Identifier: Apache-2.0
#include "runtime/command/command.h"
#include "runtime/container/launch.h"
#include "runtime/container/notify.h"

static const Option options[] = {{}};

static int start(const Subject *subject, Error *err) {
    autoclose int notify = -1;
    TRY(notify_listen(subject->container, &notify, err));
    TRY(container_start(subject->container, err));
    if (notify >= 0)
        notify_wait(notify, (pid_t)subject->container->record.pid.value);
    return 0;
}

const Command command_start = {
    "start", "ID", "run the program of a created container", NULL, options, start};
