// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/progress.h"
#include "cli/reference.h"
#include "cli/registry_login.h"
#include "cli/trust.h"
#include "proto/tare/v1/image.pb-c.h"

typedef struct PushOptions {
    const char *platform;
    bool all, quiet, untrusted;
} PushOptions;

#define PHASE(name) TARE__V1__PUSH_PROGRESS__PHASE__##name
static const char *const layer_status[] = {
    [PHASE(PREPARING)] = "Preparing",
    [PHASE(WAITING)] = "Waiting",
    [PHASE(PUSHING)] = "Pushing",
    [PHASE(PUSHED)] = "Pushed",
    [PHASE(EXISTS)] = "Layer already exists",
};

static void show_layer(Progress *progress, const Tare__V1__PushProgress *message) {
    size_t phase = (size_t)message->phase;
    const char *status = phase < array_size(layer_status) ? layer_status[phase] : NULL;
    autofree char *mounted = text_format("Mounted from %s", message->from);
    if (message->phase == PHASE(MOUNTED))
        status = mounted;
    if (status) // else a newer engine's
        progress_update(progress, message->layer, status, message->current,
            message->phase == PHASE(PUSHING) ? message->total : 0, time_monotonic());
}

static void show(Progress *progress, const Tare__V1__PushProgress *message) {
    if (message->phase == PHASE(REPOSITORY)) {
        printf("The push refers to repository [%s]\n", message->repository);
        fflush(stdout);
    } else if (message->phase == PHASE(PARTIAL)) {
        fprintf(stderr,
            "Not all multiplatform-content is present and only the available single-platform image"
            " was pushed\n%s -> %s\n",
            message->from, message->digest);
    } else if (message->phase == PHASE(DONE)) {
        progress_finish(progress);
        printf("%s: digest: %s size: %lld\n", message->tag, message->digest,
            (long long)message->total);
    } else {
        show_layer(progress, message);
    }
}

/* Each tag has lines of its own. */
static int relay(ClientStream *stream, bool quiet, Error *err) {
    autoptr(Progress) progress = progress_on(stdout);
    for (;;) {
        autoreply Tare__V1__PushProgress *message = NULL;
        int received = client_receive(stream, &message, err);
        if (received <= 0) {
            progress_finish(progress);
            return received;
        }
        if (message->phase == PHASE(DONE))
            progress_warn(progress, message->warnings, message->n_warnings);
        if (quiet)
            continue;
        show(progress, message);
        if (message->phase == PHASE(DONE)) {
            progress_free(progress);
            progress = progress_on(stdout);
        }
    }
}

static int push(Cli *cli, const PushOptions *options, const char *reference, Error *err) {
    autodone(RegistryLogin) login = {};
    Client *client = NULL;
    Tare__V1__PushRequest request = TARE__V1__PUSH_REQUEST__INIT;
    TRY(trust_check(options->untrusted, err));
    TRY(registry_login_find(reference, &login, err));
    TRY(cli_client(cli, &client, err));
    if (!options->quiet && !options->all && !reference_has_tag(reference)) {
        puts("Using default tag: latest");
        fflush(stdout);
    }
    request.reference = (char *)reference;
    request.all = options->all;
    if (options->platform)
        request.platform = (char *)options->platform;
    request.credentials = login.message;
    autoptr(ClientStream) stream = client_open(client, &tare__v1__images__descriptor, "Push");
    TRY(client_send(stream, &request, err));
    TRY(client_send_end(stream, err));
    TRY(relay(stream, options->quiet, err));
    autofree char *canonical = reference_canonical(reference, !options->all);
    if (options->quiet)
        puts(canonical);
    return 0;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    const PushOptions *options = values;
    Error err = {};
    if (options->all && reference_has_tag(argv[0])) {
        error_set(&err, ERROR_INVALID, "tag can't be used with --all-tags/-a");
        return cli_report(cli, &err);
    }
    return push(cli, options, argv[0], &err) < 0 ? cli_report(cli, &err) : 0;
}

#define T PushOptions
static const Option options[] = {
    {'a', "all-tags", OPTION_FLAG, offsetof(T, all), NULL,
        "Push all tags of an image to the repository"},
    TRUST_ROW(offsetof(T, untrusted)),
    {0, "platform", OPTION_TEXT, offsetof(T, platform), "string",
        "Push a platform-specific manifest as a single-platform image to the registry"},
    {'q', "quiet", OPTION_FLAG, offsetof(T, quiet), NULL, "Suppress verbose output"},
    {},
};
#undef T

static const PushOptions defaults = {.untrusted = true};

const Command command_push = {
    .arguments = "[OPTIONS] NAME[:TAG]",
    .summary = "Upload an image to a registry",
    .more = "Layers are sent as they came, and only those that the registry has not; what is in"
            " another repository of the same registry is mounted from there. Credentials come from"
            " what docker login keeps in ~/.docker/config.json.",
    .options = options,
    .options_size = sizeof(PushOptions),
    .defaults = &defaults,
    .min = 1,
    .max = 1,
    .run = run,
};
