// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "cli/client.h"
#include "cli/command/command.h"
#include "proto/tare/v1/image.pb-c.h"

typedef struct RmiOptions {
    bool force, no_prune;
    OptionTexts platforms;
} RmiOptions;

typedef struct Rmi {
    const Cli *cli;
    const RmiOptions *options;
} Rmi;

/* *ret stays NULL where -f makes light of an image that is not there. */
static int call_remove(Client *client, const Tare__V1__RemoveImageRequest *request,
    Tare__V1__RemoveImageResponse **ret, const Rmi *rmi, Error *err) {
    int code = client_call(client, &tare__v1__images__descriptor, "Remove", request, ret, err);
    if (code != ERROR_NOT_FOUND || !rmi->options->force)
        return code;
    cli_report(rmi->cli, err); // said, and no failure, as with docker
    return 0;
}

static int remove_one(Client *client, const char *image, void *data, Error *err) {
    const Rmi *rmi = data;
    const RmiOptions *options = rmi->options;
    Tare__V1__RemoveImageRequest request = TARE__V1__REMOVE_IMAGE_REQUEST__INIT;
    request.image = (char *)image;
    request.force = options->force;
    request.no_prune = options->no_prune;
    request.platforms = (char **)options->platforms.item;
    request.n_platforms = options->platforms.n;
    autoreply Tare__V1__RemoveImageResponse *reply = NULL;
    TRY(call_remove(client, &request, &reply, rmi, err));
    if (!reply)
        return 0;
    for (size_t i = 0; i < reply->n_untagged; i++)
        printf("Untagged: %s\n", reply->untagged[i]);
    for (size_t i = 0; i < reply->n_deleted; i++)
        printf("Deleted: %s\n", reply->deleted[i]);
    return 0;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    Rmi rmi = {cli, values};
    return cli_each(cli, argc, argv, remove_one, &rmi);
}

#define T RmiOptions
static const Option options[] = {
    {'f', "force", OPTION_FLAG, offsetof(T, force), NULL, "Force removal of the image"},
    {0, "no-prune", OPTION_FLAG, offsetof(T, no_prune), NULL, "Do not delete untagged parents"},
    {0, "platform", OPTION_TEXTS, offsetof(T, platforms), "strings",
        "Remove only if the image is for the given platform, \"os[/arch[/variant]]\""},
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
