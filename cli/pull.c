// SPDX-License-Identifier: Apache-2.0
#include "cli/pull.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/client.h"
#include "cli/progress.h"
#include "cli/reference.h"
#include "cli/registry_login.h"
#include "proto/tare/v1/image.pb-c.h"

#define PHASE(name) TARE__V1__PULL_PROGRESS__PHASE__##name
static const char *const layer_status[] = {
    [PHASE(WAITING)] = "Pulling fs layer",
    [PHASE(DOWNLOADING)] = "Downloading",
    [PHASE(VERIFYING)] = "Verifying Checksum",
    [PHASE(DOWNLOADED)] = "Download complete",
    [PHASE(EXTRACTING)] = "Extracting",
    [PHASE(COMPLETE)] = "Pull complete",
    [PHASE(EXISTS)] = "Already exists",
};

static void show_status(const PullOptions *options, bool newer, const char *name) {
    if (!options->quiet)
        fprintf(options->out, "Status: %s for %s\n",
            newer ? "Downloaded newer image" : "Image is up to date", name);
}

static void show_done(const PullOptions *options, const Tare__V1__PullProgress *message) {
    if (!options->quiet)
        fprintf(options->out, "Digest: %s\n", message->digest);
    if (options->all)
        return;
    show_status(options, message->newer, message->familiar);
    if (!options->silent_name)
        fprintf(options->out, "%s\n", message->reference);
}

static void show(
    const PullOptions *options, Progress *progress, const Tare__V1__PullProgress *message) {
    if (message->phase == PHASE(DONE)) {
        progress_warn(progress, message->warnings, message->n_warnings);
        show_done(options, message);
        return;
    }
    if (options->quiet)
        return;
    if (message->phase == PHASE(RESOLVED)) {
        fprintf(options->out, "%s: Pulling from %s\n", message->tag, message->path);
        fflush(options->out);
        return;
    }
    size_t phase = (size_t)message->phase;
    if (phase >= array_size(layer_status) || !layer_status[phase])
        return; // a newer engine's
    bool bar = message->phase == PHASE(DOWNLOADING) || message->phase == PHASE(EXTRACTING);
    progress_update(progress, message->layer, layer_status[phase], message->current,
        bar ? message->total : 0, time_monotonic());
}

/* With all tags, each has lines of its own, and the repository has one status. */
static int relay(ClientStream *stream, const PullOptions *options, Error *err) {
    autoptr(Progress) progress = progress_on(options->out);
    bool newer = false;
    for (;;) {
        autoreply Tare__V1__PullProgress *message = NULL;
        int received = client_receive(stream, &message, err);
        if (received <= 0) {
            progress_finish(progress);
            if (received == 0 && options->all)
                show_status(options, newer, options->reference);
            return received;
        }
        show(options, progress, message);
        newer = newer || message->newer;
        if (message->phase == PHASE(DONE)) {
            progress_free(progress);
            progress = progress_on(options->out);
        }
    }
}

int pull_image(Cli *cli, const PullOptions *options, Error *err) {
    autodone(RegistryLogin) login = {};
    Client *client = NULL;
    TRY(registry_login_find(options->reference, &login, err));
    TRY(cli_client(cli, &client, err));
    bool says_tag = !options->quiet && !options->silent_name && !options->all;
    if (says_tag && !reference_has_tag(options->reference)) {
        fprintf(options->out, "Using default tag: latest\n");
        fflush(options->out);
    }

    Tare__V1__PullRequest request = TARE__V1__PULL_REQUEST__INIT;
    request.reference = (char *)options->reference;
    request.all = options->all;
    if (options->platform)
        request.platform = (char *)options->platform;
    request.credentials = login.message;

    autoptr(ClientStream) stream = client_open(client, &tare__v1__images__descriptor, "Pull");
    TRY(client_send(stream, &request, err));
    TRY(client_send_end(stream, err));
    TRY(relay(stream, options, err));
    autofree char *repository = reference_canonical(options->reference, !options->all);
    if (options->all && !options->silent_name)
        fprintf(options->out, "%s\n", repository);
    return 0;
}
