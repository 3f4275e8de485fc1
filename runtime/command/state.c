// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "runtime/command/command.h"
#include "runtime/command/report.h"

static const Option options[] = {{}};

static int print_state(const Subject *subject, Error *err) {
    (void)err;
    ContainerReport report = container_report(subject->container);
    autofree char *text = json_encode(&container_report_type, &report, 2);
    free(report.owner);
    puts(text);
    return 0;
}

const Command command_state = {
    "state", "ID", "print the state of a container as JSON", NULL, options, print_state};
