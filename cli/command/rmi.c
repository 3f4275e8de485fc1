// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "cli/client.h"
#include "cli/command/command.h"
#include "proto/tare/v1/image.pb-c.h"

typedef struct RmiOptions {
    bool force, no_prune;
} RmiOptions;

static int remove_one(Client *client, const char *image, void *data, Error *err) {
    const RmiOptions *options = data;
    Tare__V1__RemoveImageRequest request = TARE__V1__REMOVE_IMAGE_REQUEST__INIT;
    request.image = (char *)image;
    request.force = options->force;
    request.no_prune = options->no_prune;
    autoreply Tare__V1__RemoveImageResponse *reply = NULL;
    TRY(client_call(client, &tare__v1__images__descriptor, "Remove", &request, &reply, err));
    for (size_t i = 0; i < reply->n_untagged; i++)
        printf("Untagged: %s\n", reply->untagged[i]);
    for (size_t i = 0; i < reply->n_deleted; i++)
        printf("Deleted: %s\n", reply->deleted[i]);
    return 0;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    RmiOptions options = *(const RmiOptions *)values;
    return cli_each(cli, argc, argv, remove_one, &options);
}

#define T RmiOptions
static const Option options[] = {
    {'f', "force", OPTION_FLAG, offsetof(T, force), NULL, "Force removal of the image"},
    {0, "no-prune", OPTION_FLAG, offsetof(T, no_prune), NULL, "Do not delete untagged parents"},
    {},
};
#undef T

const Command command_rmi = {
    .arguments = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Remove one or more images",
    .options = options,
    .options_size = sizeof(RmiOptions),
    .min = 1,
    .max = -1,
    .run = run,
};
