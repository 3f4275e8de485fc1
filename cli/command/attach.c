// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/document.h"
#include "cli/session.h"
#include "proto/tare/v1/container.pb-c.h"

typedef struct AttachOptions {
    bool no_stdin, replay, signal_proxy;
    const char *detach_keys;
} AttachOptions;

/* The engine's Attach is also for containers that are about to start; ours is not. */
static int check_running(Cli *cli, const char *container, Error *err) {
    Client *client = NULL;
    TRY(cli_client(cli, &client, err));
    Tare__V1__ContainerRequest request = TARE__V1__CONTAINER_REQUEST__INIT;
    request.container = (char *)container;
    autoreply Tare__V1__InspectResponse *reply = NULL;
    TRY(client_call(client, &tare__v1__containers__descriptor, "Inspect", &request, &reply, err));
    Document state = document_member(document_of(reply->json), "State");
    autofree char *running = document_to_text(document_member(state, "Running"));
    if (!text_equal(running, "true"))
        return error_set(
            err, ERROR_STATE, "you cannot attach to a stopped container, start it first");
    return 0;
}

static int attach(
    Cli *cli, const AttachOptions *options, const char *container, int *ret_code, Error *err) {
    SessionOptions session_options = {.in = !options->no_stdin,
        .out = true,
        .error = true,
        .signal_proxy = options->signal_proxy,
        .replay = options->replay,
        .redraw = !options->replay};
    TRY(session_detach_keys(options->detach_keys, &session_options.detach, err));
    TRY(check_running(cli, container, err));
    autoptr(Session) session = NULL;
    TRY(session_open(cli, container, &session_options, &session, err));
    bool detached = false;
    TRY(session_run(session, &detached, ret_code, err));
    if (detached)
        fprintf(stderr, "read escape sequence\n");
    return 0;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    Error err = {};
    int code = 0;
    return attach(cli, values, argv[0], &code, &err) < 0 ? cli_report(cli, &err) : code;
}

#define T AttachOptions
static const Option options[] = {
    {0, "detach-keys", OPTION_TEXT, offsetof(T, detach_keys), "string",
        "Override the key sequence for detaching a container"},
    {0, "no-stdin", OPTION_FLAG, offsetof(T, no_stdin), NULL, "Do not attach STDIN"},
    {0, "replay", OPTION_FLAG, offsetof(T, replay), NULL,
        "Show first what the log holds, then what comes, without a gap"},
    {0, "sig-proxy", OPTION_FLAG, offsetof(T, signal_proxy), NULL,
        "Proxy all received signals to the process (default true)"},
    {},
};
#undef T

static const AttachOptions defaults = {.signal_proxy = true};

const Command command_attach = {
    .arguments = "[OPTIONS] CONTAINER",
    .summary = "Attach local standard input, output, and error streams to a running container",
    .more = "The keys ctrl-p ctrl-q leave a container that has a terminal without stopping it. The "
            "exit status is the program's when it ends meanwhile.",
    .options = options,
    .options_size = sizeof(AttachOptions),
    .defaults = &defaults,
    .min = 1,
    .max = 1,
    .run = run,
};
