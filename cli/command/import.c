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
#include "cli/upload.h"
#include "proto/tare/v1/image.pb-c.h"

typedef struct ImportOptions {
    const char *message, *platform;
    OptionTexts changes;
} ImportOptions;

static int send_settings(
    ClientStream *stream, const ImportOptions *options, char **argv, int argc, Error *err) {
    Tare__V1__ImportSettings settings = TARE__V1__IMPORT_SETTINGS__INIT;
    Tare__V1__ImportRequest request = TARE__V1__IMPORT_REQUEST__INIT;
    request.settings = &settings;
    settings.source = argv[0];
    if (argc > 1)
        settings.reference = argv[1];
    if (options->message)
        settings.comment = (char *)options->message;
    if (options->platform)
        settings.platform = (char *)options->platform;
    settings.changes = (char **)options->changes.item;
    settings.n_changes = options->changes.n;
    return client_send(stream, &request, err);
}

static int open_source(const char *source, int *ret_fd, Error *err) {
    if (text_starts(source, "http://") || text_starts(source, "https://"))
        return error_set(err, ERROR_UNSUPPORTED,
            "a tar is not fetched from '%s': pipe it in (curl … | tare import -)", source);
    if (!text_equal(source, "-"))
        return file_open(AT_FDCWD, source, O_RDONLY, 0, ret_fd, err);
    *ret_fd = dup(STDIN_FILENO);
    return *ret_fd < 0 ? error_set_errno(err, errno, "cannot read standard input") : 0;
}

static int import(Cli *cli, const ImportOptions *options, int argc, char **argv, Error *err) {
    autoclose int fd = -1;
    Client *client = NULL;
    TRY(open_source(argv[0], &fd, err));
    TRY(cli_client(cli, &client, err));
    autoptr(ClientStream) stream = client_open(client, &tare__v1__images__descriptor, "Import");
    TRY(send_settings(stream, options, argv, argc, err));
    Tare__V1__ImportRequest request = TARE__V1__IMPORT_REQUEST__INIT;
    TRY(upload_file(stream, fd, "tar", &request, &request.data, err));
    autoreply Tare__V1__ImportResponse *reply = NULL;
    int received = client_receive(stream, &reply, err);
    if (received > 0)
        puts(reply->id);
    return received < 0 ? received : 0;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    Error err = {};
    return import(cli, values, argc, argv, &err) < 0 ? cli_report(cli, &err) : 0;
}

#define T ImportOptions
static const Option options[] = {
    {'c', "change", OPTION_TEXTS, offsetof(T, changes), "list",
        "Apply Dockerfile instruction to the created image"},
    {'m', "message", OPTION_TEXT, offsetof(T, message), "string",
        "Set commit message for imported image"},
    {0, "platform", OPTION_TEXT, offsetof(T, platform), "string",
        "Set platform of the imported image"},
    {},
};
#undef T

const Command command_import = {
    .arguments = "[OPTIONS] file|- [REPOSITORY[:TAG]]",
    .summary = "Import the contents from a tarball to create a filesystem image",
    .more = "The tar is plain, or compressed with gzip or zstd.",
    .options = options,
    .options_size = sizeof(ImportOptions),
    .min = 1,
    .max = 2,
    .run = run,
};
