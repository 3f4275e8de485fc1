// SPDX-License-Identifier: Apache-2.0
#include "runtime/command/command.h"
#include "runtime/container/launch.h"

static const Option options[] = {{}};

static int pause_all(const Subject *subject, Error *err) {
    return container_pause(subject->container, err);
}

static int resume_all(const Subject *subject, Error *err) {
    return container_resume(subject->container, err);
}

const Command command_pause = {"pause", "ID",
    "stop every process of a container, to be resumed later", NULL, options, pause_all};
const Command command_resume = {
    "resume", "ID", "let the processes of a paused container go on", NULL, options, resume_all};
