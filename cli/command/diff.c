// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "cli/client.h"
#include "cli/command/command.h"
#include "proto/tare/v1/container.pb-c.h"

static void print(const Tare__V1__ChangesResponse *reply) {
    for (size_t i = 0; i < reply->n_changes; i++) {
        const Tare__V1__Change *change = reply->changes[i];
        printf("%s %.*s\n", change->kind, (int)change->path.len, (const char *)change->path.data);
    }
}

static int diff(Cli *cli, char *container, Error *err) {
    Client *client = NULL;
    Tare__V1__ContainerRequest request = TARE__V1__CONTAINER_REQUEST__INIT;
    request.container = container;
    TRY(cli_client(cli, &client, err));
    autoptr(ClientStream) stream =
        client_open(client, &tare__v1__containers__descriptor, "Changes");
    TRY(client_send(stream, &request, err));
    TRY(client_send_end(stream, err));
    for (;;) {
        autoreply Tare__V1__ChangesResponse *reply = NULL;
        int more = client_receive(stream, &reply, err);
        if (more <= 0)
            return more;
        print(reply);
    }
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)values;
    (void)argc;
    Error err = {};
    return diff(cli, argv[0], &err) < 0 ? cli_report(cli, &err) : 0;
}

const Command command_diff = {
    .arguments = "CONTAINER",
    .summary = "Inspect changes to files or directories on a container's filesystem",
    .more = "A: added, C: changed, D: deleted.",
    .min = 1,
    .max = 1,
    .run = run,
};
