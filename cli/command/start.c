// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/session.h"
#include "proto/tare/v1/container.pb-c.h"

typedef struct StartOptions {
    bool attach, interactive, signal_proxy;
    const char *detach_keys;
} StartOptions;

static int start(Client *client, const char *container, Error *err) {
    Tare__V1__ContainerRequest request = TARE__V1__CONTAINER_REQUEST__INIT;
    request.container = (char *)container;
    return client_call(client, &tare__v1__containers__descriptor, "Start", &request, NULL, err);
}

static int start_one(Client *client, const char *container, void *data, Error *err) {
    (void)data;
    TRY(start(client, container, err));
    printf("%s\n", container);
    return 0;
}

static int start_attached(
    Cli *cli, const StartOptions *options, const char *container, int *ret_code, Error *err) {
    SessionOptions session_options = {.in = options->interactive,
        .out = true,
        .error = true,
        .signal_proxy = options->signal_proxy,
        .patient = true};
    TRY(session_detach_keys(options->detach_keys, &session_options.detach, err));
    autoptr(Session) session = NULL;
    TRY(session_open(cli, container, &session_options, &session, err));
    Client *client = NULL;
    TRY(cli_client(cli, &client, err));
    TRY(start(client, container, err));
    bool detached = false;
    return session_run(session, &detached, ret_code, err);
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    const StartOptions *options = values;
    if (!options->attach && !options->interactive)
        return cli_each(cli, argc, argv, start_one, NULL);
    Error err = {};
    int code = 0;
    if (argc > 1)
        error_set(&err, ERROR_INVALID, "you cannot start and attach multiple containers at once");
    if (err.code < 0 || start_attached(cli, options, argv[0], &code, &err) < 0)
        return cli_report(cli, &err);
    return code;
}

#define T StartOptions
static const Option options[] = {
    {'a', "attach", OPTION_FLAG, offsetof(T, attach), NULL,
        "Attach STDOUT/STDERR and forward signals"},
    {0, "detach-keys", OPTION_TEXT, offsetof(T, detach_keys), "string",
        "Override the key sequence for detaching a container"},
    {'i', "interactive", OPTION_FLAG, offsetof(T, interactive), NULL, "Attach container's STDIN"},
    {0, "sig-proxy", OPTION_FLAG, offsetof(T, signal_proxy), NULL,
        "Proxy received signals to the process (default true)"},
    {},
};
#undef T

static const StartOptions defaults = {.signal_proxy = true};

const Command command_start = {
    .arguments = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Start one or more stopped containers",
    .options = options,
    .options_size = sizeof(StartOptions),
    .defaults = &defaults,
    .min = 1,
    .max = -1,
    .run = run,
};
