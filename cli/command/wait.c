// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "cli/client.h"
#include "cli/command/command.h"
#include "proto/tare/v1/container.pb-c.h"

static int wait_one(Client *client, const char *container, void *data, Error *err) {
    (void)data;
    Tare__V1__WaitContainerRequest request = TARE__V1__WAIT_CONTAINER_REQUEST__INIT;
    request.container = (char *)container;
    autoreply Tare__V1__WaitContainerResponse *reply = NULL;
    TRY(client_call(client, &tare__v1__containers__descriptor, "Wait", &request, &reply, err));
    if (*reply->error)
        return error_set(err, ERROR_UNKNOWN, "%s", reply->error);
    printf("%d\n", reply->exit_code);
    fflush(stdout);
    return 0;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)values;
    return cli_each(cli, argc, argv, wait_one, NULL);
}

const Command command_wait = {
    .arguments = "CONTAINER [CONTAINER...]",
    .summary = "Block until one or more containers stop, then print their exit codes",
    .min = 1,
    .max = -1,
    .run = run,
};
