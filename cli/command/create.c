// SPDX-License-Identifier: Apache-2.0
#include "cli/create.h"

#include <stdio.h>

#include "base/text.h"
#include "cli/command/command.h"

typedef struct CreateCommandOptions {
    CreateOptions create;
} CreateCommandOptions;

static int run(Cli *cli, const void *values, int argc, char **argv) {
    const CreateCommandOptions *options = values;
    Error err = {};
    autoptr(CreateRequest) request = NULL;
    if (create_request_new(&options->create, argc, argv, &request, &err) < 0)
        return cli_report_usage(cli, &err);
    request->attach_stdin = options->create.interactive;
    request->stdin_once = request->attach_stdin;
    request->attach_stdout = request->attach_stderr = true;
    autofree char *id = NULL;
    if (create_container(cli, &options->create, request, &id, &err) < 0)
        return cli_report(cli, &err);
    printf("%s\n", id);
    return 0;
}

#define T CreateCommandOptions
static const Option options[] = {CREATE_ROWS, {}};
#undef T

static const CreateCommandOptions defaults = {.create.untrusted = true};

const Command command_create = {
    .arguments = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    .summary = "Create a new container",
    .more = "Like tare run -d, but the program is not started: see tare-run(1) for the options.",
    .options = options,
    .options_size = sizeof(CreateCommandOptions),
    .defaults = &defaults,
    .mode = OPTION_UNTIL_COMMAND,
    .min = 1,
    .max = -1,
    .run = run,
};
