// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "cli/client.h"
#include "cli/command/command.h"
#include "proto/tare/v1/container.pb-c.h"

typedef struct RmOptions {
    bool force, volumes;
} RmOptions;

static int remove_one(Client *client, const char *container, void *data, Error *err) {
    const RmOptions *options = data;
    Tare__V1__RemoveContainerRequest request = TARE__V1__REMOVE_CONTAINER_REQUEST__INIT;
    request.container = (char *)container;
    request.force = options->force;
    request.volumes = options->volumes;
    TRY(client_call(client, &tare__v1__containers__descriptor, "Remove", &request, NULL, err));
    printf("%s\n", container);
    return 0;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    RmOptions options = *(const RmOptions *)values;
    return cli_each(cli, argc, argv, remove_one, &options);
}

#define T RmOptions
static const Option options[] = {
    {'f', "force", OPTION_FLAG, offsetof(T, force), NULL,
        "Force the removal of a running container (uses SIGKILL)"},
    {'v', "volumes", OPTION_FLAG, offsetof(T, volumes), NULL,
        "Remove anonymous volumes associated with the container"},
    {},
};
#undef T

const Command command_rm = {
    .arguments = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Remove one or more containers",
    .options = options,
    .options_size = sizeof(RmOptions),
    .min = 1,
    .max = -1,
    .run = run,
};
