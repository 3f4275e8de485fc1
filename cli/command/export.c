// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/terminal.h"
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
        TRY(fd_write_all(fd, reply->data.data, reply->data.len, err));
    }
}

/* A new name in its place once all is there: an export that fails leaves the old file. */
static int export_to(Cli *cli, char *container, const char *path, Error *err) {
    char random[17];
    struct stat status;
    autoclose int fd = -1;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        TRY(file_open(AT_FDCWD, path, O_WRONLY, 0, &fd, err));
        return receive(cli, container, fd, err);
    }
    text_random_hex(random, 4);
    autofree char *temporary = text_format("%s.%s", path, random);
    TRY(file_open(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_EXCL, 0600, &fd, err));
    int code = receive(cli, container, fd, err);
    if (code == 0 && renameat(AT_FDCWD, temporary, AT_FDCWD, path) < 0)
        code = error_set_errno(err, errno, "cannot write '%s'", path);
    if (code < 0)
        unlinkat(AT_FDCWD, temporary, 0);
    return code;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    const ExportOptions *options = values;
    Error err = {};
    int code;
    if (options->output)
        code = export_to(cli, argv[0], options->output, &err);
    else if (terminal_is(STDOUT_FILENO))
        code = error_set(&err, ERROR_INVALID,
            "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    else
        code = receive(cli, argv[0], STDOUT_FILENO, &err);
    return code < 0 ? cli_report(cli, &err) : 0;
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
