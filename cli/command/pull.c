// SPDX-License-Identifier: Apache-2.0
#include "cli/pull.h"

#include "cli/command/command.h"

typedef struct PullCommandOptions {
    const char *platform;
    bool quiet;
} PullCommandOptions;

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    const PullCommandOptions *options = values;
    PullOptions pull = {.reference = argv[0],
        .platform = options->platform,
        .quiet = options->quiet,
        .out = stdout};
    Error err = {};
    return pull_image(cli, &pull, &err) < 0 ? cli_report(cli, &err) : 0;
}

#define T PullCommandOptions
static const Option options[] = {
    {0, "platform", OPTION_TEXT, offsetof(T, platform), "string",
        "Set platform if server is multi-platform capable"},
    {'q', "quiet", OPTION_FLAG, offsetof(T, quiet), NULL, "Suppress verbose output"},
    {},
};
#undef T

const Command command_pull = {
    .arguments = "[OPTIONS] NAME[:TAG|@DIGEST]",
    .summary = "Download an image from a registry",
    .more = "Credentials come from what docker login keeps in ~/.docker/config.json.",
    .options = options,
    .options_size = sizeof(PullCommandOptions),
    .min = 1,
    .max = 1,
    .run = run,
};
