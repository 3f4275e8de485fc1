// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/output_file.h"
#include "proto/tare/v1/container.pb-c.h"

typedef struct ExportOptions {
    const char *output;
} ExportOptions;

static int receive(Cli *cli, char *container, int fd, Error *err) {
    Client *client = NULL;
    Tare__V1__ContainerRequest request = TARE__V1__CONTAINER_REQUEST__INIT;
    request.container = container;
    TRY(cli_client(cli, &client, err));
    autoptr(ClientStream) stream = client_open(client, &tare__v1__containers__descriptor, "Export");
    TRY(client_send(stream, &request, err));
    TRY(client_send_end(stream, err));
    for (;;) {
        autoreply Tare__V1__ExportResponse *reply = NULL;
        int more = client_receive(stream, &reply, err);
        if (more <= 0)
            return more;
        if (fd_write_all(fd, reply->data.data, reply->data.len, err) < 0)
            return error_prefix(err, "cannot write the archive");
    }
}

static int export(Cli *cli, const char *path, char *container, Error *err) {
    autodone(OutputFile) output = {.fd = -1};
    TRY(output_file_open(path, &output, err));
    TRY(receive(cli, container, output.fd, err));
    return output_file_finish(&output, err);
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    const ExportOptions *options = values;
    Error err = {};
    return export(cli, options->output, argv[0], &err) < 0 ? cli_report(cli, &err) : 0;
}

#define T ExportOptions
static const Option options[] = {
    {'o', "output", OPTION_TEXT, offsetof(T, output), "string",
        "Write to a file, instead of STDOUT"},
    {},
};
#undef T

const Command command_export = {
    .arguments = "[OPTIONS] CONTAINER",
    .summary = "Export a container's filesystem as a tar archive",
    .more = "The container may run. What is in volumes is no part of it.",
    .options = options,
    .options_size = sizeof(ExportOptions),
    .min = 1,
    .max = 1,
    .run = run,
};
