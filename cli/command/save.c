// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/terminal.h"
#include "proto/tare/v1/image.pb-c.h"

typedef struct SaveOptions {
    const char *output, *platform;
} SaveOptions;

/* A file appears whole or not at all; what is no file (/dev/null, a FIFO) is written to. */
typedef struct Output {
    const char *path; /* NULL: standard output */
    char *temporary;  /* NULL: written to directly */
    int fd;
} Output;

static void output_done(Output *output) {
    if (output->temporary)
        unlinkat(AT_FDCWD, output->temporary, 0);
    free(output->temporary);
    if (output->fd >= 0)
        close(output->fd);
}
CLEANUP_DEFINE_DONE(Output, output_done)

static int open_output(const char *path, Output *output, Error *err) {
    struct stat status;
    output->path = path;
    if (!path) {
        if (terminal_is(STDOUT_FILENO))
            return error_set(err, ERROR_INVALID,
                "cowardly refusing to save to a terminal. Use the -o flag or redirect");
        output->fd = dup(STDOUT_FILENO);
        return output->fd < 0 ? error_set_errno(err, errno, "cannot write to standard output") : 0;
    }
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return file_open(AT_FDCWD, path, O_WRONLY, 0, &output->fd, err);
    char random[9];
    text_random_hex(random, 4);
    autofree char *temporary = text_format("%s.%s.tmp", path, random);
    TRY(file_open(
        AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &output->fd, err));
    output->temporary = take_ptr(&temporary);
    return 0;
}

static int finish_output(Output *output, Error *err) {
    if (!output->temporary)
        return 0;
    if (renameat(AT_FDCWD, output->temporary, AT_FDCWD, output->path) < 0)
        return error_set_errno(err, errno, "cannot write '%s'", output->path);
    free(take_ptr(&output->temporary));
    return 0;
}

static int receive(ClientStream *stream, const Output *output, Error *err) {
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
    autodone(Output) output = {.fd = -1};
    Client *client = NULL;
    Tare__V1__SaveRequest request = TARE__V1__SAVE_REQUEST__INIT;
    request.names = argv;
    request.n_names = (size_t)argc;
    if (options->platform)
        request.platform = (char *)options->platform;
    TRY(open_output(options->output, &output, err));
    TRY(cli_client(cli, &client, err));
    autoptr(ClientStream) stream = client_open(client, &tare__v1__images__descriptor, "Save");
    TRY(client_send(stream, &request, err));
    TRY(client_send_end(stream, err));
    TRY(receive(stream, &output, err));
    return finish_output(&output, err);
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
