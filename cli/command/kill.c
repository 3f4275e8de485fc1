// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "cli/client.h"
#include "cli/command/command.h"
#include "proto/tare/v1/container.pb-c.h"

typedef struct KillOptions {
    const char *signal;
} KillOptions;

static int kill_one(Client *client, const char *container, void *data, Error *err) {
    const KillOptions *options = data;
    Tare__V1__KillContainerRequest request = TARE__V1__KILL_CONTAINER_REQUEST__INIT;
    request.container = (char *)container;
    if (options->signal)
        request.signal = (char *)options->signal;
    TRY(client_call(client, &tare__v1__containers__descriptor, "Kill", &request, NULL, err));
    printf("%s\n", container);
    return 0;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    KillOptions options = *(const KillOptions *)values;
    return cli_each(cli, argc, argv, kill_one, &options);
}

#define T KillOptions
static const Option options[] = {
    {'s', "signal", OPTION_TEXT, offsetof(T, signal), "string",
        "Signal to send to the container (default SIGKILL)"},
    {},
};
#undef T

const Command command_kill = {
    .arguments = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Kill one or more running containers",
    .more = "A signal is named with or without SIG, or by its number: HUP, SIGHUP and 1 are equal.",
    .options = options,
    .options_size = sizeof(KillOptions),
    .min = 1,
    .max = -1,
    .run = run,
};
