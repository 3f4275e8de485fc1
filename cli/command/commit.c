// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "cli/client.h"
#include "cli/command/command.h"
#include "proto/tare/v1/container.pb-c.h"

typedef struct CommitOptions {
    const char *author, *message;
    bool pause;
    OptionTexts changes;
} CommitOptions;

static int run(Cli *cli, const void *values, int argc, char **argv) {
    const CommitOptions *options = values;
    Error err = {};
    Client *client = NULL;
    Tare__V1__CommitRequest request = TARE__V1__COMMIT_REQUEST__INIT;
    request.container = argv[0];
    if (argc > 1)
        request.reference = argv[1];
    if (options->author)
        request.author = (char *)options->author;
    if (options->message)
        request.comment = (char *)options->message;
    request.pause = options->pause;
    request.changes = (char **)options->changes.item;
    request.n_changes = options->changes.n;
    autoreply Tare__V1__CommitResponse *reply = NULL;
    if (cli_client(cli, &client, &err) < 0 || client_call(client, &tare__v1__containers__descriptor,
                                                  "Commit", &request, &reply, &err) < 0)
        return cli_report(cli, &err);
    puts(reply->id);
    return 0;
}

#define T CommitOptions
static const Option options[] = {
    {'a', "author", OPTION_TEXT, offsetof(T, author), "string",
        "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")"},
    {'c', "change", OPTION_TEXTS, offsetof(T, changes), "list",
        "Apply Dockerfile instruction to the created image"},
    {'m', "message", OPTION_TEXT, offsetof(T, message), "string", "Commit message"},
    {'p', "pause", OPTION_FLAG, offsetof(T, pause), NULL,
        "Pause container during commit (default true)"},
    {},
};
#undef T

static const CommitOptions defaults = {.pause = true};

const Command command_commit = {
    .arguments = "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    .summary = "Create a new image from a container's changes",
    .more = "The new image has the container's command, environment, user, working directory, "
            "labels, ports and health check, with the changes over them. What is in volumes is no "
            "part of it.\n\n"
            "Changes are CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, "
            "USER, VOLUME and WORKDIR, as in a Dockerfile.",
    .options = options,
    .options_size = sizeof(CommitOptions),
    .defaults = &defaults,
    .min = 1,
    .max = 2,
    .run = run,
};
