// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/terminal.h"
#include "cli/upload.h"
#include "proto/tare/v1/image.pb-c.h"

typedef struct LoadOptions {
    const char *input, *platform;
    bool quiet;
} LoadOptions;

static int open_input(const char *path, int *ret_fd, Error *err) {
    if (path)
        return file_open(AT_FDCWD, path, O_RDONLY, 0, ret_fd, err);
    if (terminal_is(STDIN_FILENO))
        return error_set(err, ERROR_INVALID, "requested load from stdin, but stdin is empty");
    *ret_fd = dup(STDIN_FILENO);
    return *ret_fd < 0 ? error_set_errno(err, errno, "cannot read standard input") : 0;
}

static int load(Cli *cli, const LoadOptions *options, Error *err) {
    autoclose int fd = -1;
    Client *client = NULL;
    TRY(open_input(options->input, &fd, err));
    TRY(cli_client(cli, &client, err));
    autoptr(ClientStream) stream = client_open(client, &tare__v1__images__descriptor, "Load");
    Tare__V1__LoadRequest request = TARE__V1__LOAD_REQUEST__INIT;
    if (options->platform)
        request.platform = (char *)options->platform;
    TRY(upload_file(stream, fd, "archive", &request, &request.data, err));
    autoreply Tare__V1__LoadResponse *reply = NULL;
    int received = client_receive(stream, &reply, err);
    TRY(received);
    for (size_t i = 0; received && i < reply->n_references; i++)
        printf("Loaded image: %s\n", reply->references[i]);
    for (size_t i = 0; received && i < reply->n_ids; i++)
        printf("Loaded image ID: %s\n", reply->ids[i]);
    return 0;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    (void)argv;
    Error err = {};
    return load(cli, values, &err) < 0 ? cli_report(cli, &err) : 0;
}

#define T LoadOptions
static const Option options[] = {
    {'i', "input", OPTION_TEXT, offsetof(T, input), "string",
        "Read from tar archive file, instead of STDIN"},
    {0, "platform", OPTION_TEXT, offsetof(T, platform), "string",
        "Load only the given platform (for example, linux/amd64)"},
    {'q', "quiet", OPTION_FLAG, offsetof(T, quiet), NULL, "Suppress the load output"},
    {},
};
#undef T

const Command command_load = {
    .arguments = "[OPTIONS]",
    .summary = "Load an image from a tar archive or STDIN",
    .more = "The archive is an OCI image layout or what docker save writes, plain or compressed.",
    .options = options,
    .options_size = sizeof(LoadOptions),
    .run = run,
};
