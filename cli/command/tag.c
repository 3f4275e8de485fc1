// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"
#include "cli/command/command.h"
#include "proto/tare/v1/image.pb-c.h"

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)values;
    (void)argc;
    Error err = {};
    Client *client = NULL;
    Tare__V1__TagImageRequest request = TARE__V1__TAG_IMAGE_REQUEST__INIT;
    request.source = argv[0];
    request.target = argv[1];
    if (cli_client(cli, &client, &err) < 0 ||
        client_call(client, &tare__v1__images__descriptor, "Tag", &request, NULL, &err) < 0)
        return cli_report(cli, &err);
    return 0;
}

const Command command_tag = {
    .arguments = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    .summary = "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    .min = 2,
    .max = 2,
    .run = run,
};
