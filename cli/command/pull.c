// SPDX-License-Identifier: Apache-2.0
#include "cli/pull.h"

#include "cli/command/command.h"
#include "cli/reference.h"
#include "cli/trust.h"

typedef struct PullCommandOptions {
    const char *platform;
    bool all, quiet, untrusted;
} PullCommandOptions;

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    const PullCommandOptions *options = values;
    PullOptions pull = {.reference = argv[0],
        .platform = options->platform,
        .all = options->all,
        .quiet = options->quiet,
        .out = stdout};
    Error err = {};
    if (options->all && reference_has_tag(argv[0])) {
        error_set(&err, ERROR_INVALID, "tag can't be used with --all-tags/-a");
        return cli_report(cli, &err);
    }
    if (trust_check(options->untrusted, &err) < 0 || pull_image(cli, &pull, &err) < 0)
        return cli_report(cli, &err);
    return 0;
}

#define T PullCommandOptions
static const Option options[] = {
    {'a', "all-tags", OPTION_FLAG, offsetof(T, all), NULL,
        "Download all tagged images in the repository"},
    TRUST_ROW(offsetof(T, untrusted)),
    {0, "platform", OPTION_TEXT, offsetof(T, platform), "string",
        "Set platform if server is multi-platform capable"},
    {'q', "quiet", OPTION_FLAG, offsetof(T, quiet), NULL, "Suppress verbose output"},
    {},
};
#undef T

static const PullCommandOptions defaults = {.untrusted = true};

const Command command_pull = {
    .arguments = "[OPTIONS] NAME[:TAG|@DIGEST]",
    .summary = "Download an image from a registry",
    .more = "Credentials come from what docker login keeps in ~/.docker/config.json.",
    .options = options,
    .options_size = sizeof(PullCommandOptions),
    .defaults = &defaults,
    .min = 1,
    .max = 1,
    .run = run,
};
