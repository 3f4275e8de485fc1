// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/progress.h"
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

/* The engine fetches these itself. */
static bool is_url(const char *source) {
    return text_starts(source, "http://") || text_starts(source, "https://");
}

static int open_source(const char *source, int *ret_fd, Error *err) {
    if (is_url(source))
        return 0;
    if (!text_equal(source, "-"))
        return file_open(AT_FDCWD, source, O_RDONLY, 0, ret_fd, err);
    *ret_fd = dup(STDIN_FILENO);
    return *ret_fd < 0 ? error_set_errno(err, errno, "cannot read standard input") : 0;
}

static int send_tar(ClientStream *stream, int fd, Error *err) {
    Tare__V1__ImportRequest request = TARE__V1__IMPORT_REQUEST__INIT;
    return fd < 0 ? client_send_end(stream, err)
                  : upload_file(stream, fd, "tar", &request, &request.data, err);
}

static void show(Progress *progress, const Tare__V1__ImportResponse *message) {
    if (*message->downloading) {
        printf("Downloading from %s\n", message->downloading);
        fflush(stdout);
    } else if (!*message->id) {
        progress_update(
            progress, NULL, "Importing", message->current, message->total, time_monotonic());
    }
}

static int relay(ClientStream *stream, Error *err) {
    autoptr(Progress) progress = progress_on(stdout);
    for (;;) {
        autoreply Tare__V1__ImportResponse *message = NULL;
        int received = client_receive(stream, &message, err);
        if (received <= 0 || *message->id)
            progress_finish(progress);
        if (received <= 0)
            return received;
        show(progress, message);
        if (*message->id)
            puts(message->id);
    }
}

static int import(Cli *cli, const ImportOptions *options, int argc, char **argv, Error *err) {
    autoclose int fd = -1;
    Client *client = NULL;
    TRY(open_source(argv[0], &fd, err));
    TRY(cli_client(cli, &client, err));
    autoptr(ClientStream) stream = client_open(client, &tare__v1__images__descriptor, "Import");
    TRY(send_settings(stream, options, argv, argc, err));
    TRY(send_tar(stream, fd, err));
    return relay(stream, err);
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
    .arguments = "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    .summary = "Import the contents from a tarball to create a filesystem image",
    .more =
        "The tar is plain, or compressed with gzip or zstd. A URL is of http or https, and fetched\n"
        "by the engine: through the proxies that it uses for registries, TLS checked by the\n"
        "certificates of its system, at most five redirects.",
    .options = options,
    .options_size = sizeof(ImportOptions),
    .min = 1,
    .max = 2,
    .run = run,
};
