// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/output_file.h"
#include "proto/tare/v1/image.pb-c.h"

typedef struct SaveOptions {
    const char *output, *platform;
} SaveOptions;

static int receive(ClientStream *stream, const OutputFile *output, Error *err) {
    for (;;) {
        autoreply Tare__V1__SaveResponse *piece = NULL;
        int received = client_receive(stream, &piece, err);
        if (received <= 0)
            return received;
        if (fd_write_all(output->fd, piece->data.data, piece->data.len, err) < 0)
            return error_prefix(err, "cannot write the archive");
    }
}

static int save(Cli *cli, const SaveOptions *options, int argc, char **argv, Error *err) {
    autodone(OutputFile) output = {.fd = -1};
    Client *client = NULL;
    Tare__V1__SaveRequest request = TARE__V1__SAVE_REQUEST__INIT;
    request.names = argv;
    request.n_names = (size_t)argc;
    if (options->platform)
        request.platform = (char *)options->platform;
    TRY(output_file_open(options->output, &output, err));
    TRY(cli_client(cli, &client, err));
    autoptr(ClientStream) stream = client_open(client, &tare__v1__images__descriptor, "Save");
    TRY(client_send(stream, &request, err));
    TRY(client_send_end(stream, err));
    TRY(receive(stream, &output, err));
    return output_file_finish(&output, err);
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    Error err = {};
    return save(cli, values, argc, argv, &err) < 0 ? cli_report(cli, &err) : 0;
}

#define T SaveOptions
static const Option options[] = {
    {'o', "output", OPTION_TEXT, offsetof(T, output), "string",
        "Write to a file, instead of STDOUT"},
    {0, "platform", OPTION_TEXT, offsetof(T, platform), "string",
        "Save only the given platform (for example, linux/amd64)"},
    {},
};
#undef T

const Command command_save = {
    .arguments = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Save one or more images to a tar archive (streamed to STDOUT by default)",
    .more = "The archive is an OCI image layout and what docker load reads, in one. A name without"
            " a tag means all tags of the repository.",
    .options = options,
    .options_size = sizeof(SaveOptions),
    .min = 1,
    .max = -1,
    .run = run,
};
