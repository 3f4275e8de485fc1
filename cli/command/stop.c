// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "cli/client.h"
#include "cli/command/command.h"
#include "proto/tare/v1/container.pb-c.h"

typedef struct StopOptions {
    OptionInt timeout;
    const char *signal;
} StopOptions;

static int stop_one(Client *client, const char *container, void *data, Error *err) {
    const StopOptions *options = data;
    Tare__V1__StopContainerRequest request = TARE__V1__STOP_CONTAINER_REQUEST__INIT;
    request.container = (char *)container;
    request.has_timeout = options->timeout.set;
    request.timeout = options->timeout.value;
    if (options->signal)
        request.signal = (char *)options->signal;
    TRY(client_call(client, &tare__v1__containers__descriptor, "Stop", &request, NULL, err));
    printf("%s\n", container);
    fflush(stdout); // the next one may take its ten seconds
    return 0;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    StopOptions options = *(const StopOptions *)values;
    return cli_each(cli, argc, argv, stop_one, &options);
}

#define T StopOptions
static const Option options[] = {
    {'s', "signal", OPTION_TEXT, offsetof(T, signal), "string", "Signal to send to the container"},
    {'t', "timeout", OPTION_INT, offsetof(T, timeout), "int",
        "Seconds to wait before killing the container"},
    {0, "time", OPTION_INT, offsetof(T, timeout), "int", NULL},
    {},
};
#undef T

const Command command_stop = {
    .arguments = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Stop one or more running containers",
    .more = "Sends the container's stop signal, SIGTERM unless the image or --stop-signal says "
            "otherwise, and SIGKILL when the program still runs after the timeout, 10 seconds by "
            "default. A timeout of -1 waits for ever.",
    .options = options,
    .options_size = sizeof(StopOptions),
    .min = 1,
    .max = -1,
    .run = run,
};
