// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/create.h"
#include "cli/session.h"

/* create, attach, start, relay: in this order, so that no output is missed. */

typedef struct RunOptions {
    CreateOptions create;
    bool detach, signal_proxy;
    const char *detach_keys;
} RunOptions;

static int parse_attach(const RunOptions *options, CreateRequest *request, Error *err) {
    const OptionTexts *attach = &options->create.attach;
    if (attach->n && options->detach)
        return error_set(
            err, ERROR_INVALID, "conflicting options: cannot specify both --attach and --detach");
    request->attach_stdin = options->create.interactive && !options->detach && !attach->n;
    request->attach_stdout = request->attach_stderr = !options->detach && !attach->n;
    for (size_t i = 0; i < attach->n; i++) {
        if (!strcasecmp(attach->item[i], "stdin"))
            request->attach_stdin = true;
        else if (!strcasecmp(attach->item[i], "stdout"))
            request->attach_stdout = true;
        else if (!strcasecmp(attach->item[i], "stderr"))
            request->attach_stderr = true;
        else
            return error_set(err, ERROR_INVALID,
                "invalid argument \"%s\" for \"-a, --attach\" flag: valid streams are STDIN, "
                "STDOUT and STDERR",
                attach->item[i]);
    }
    request->open_stdin |= request->attach_stdin;
    request->stdin_once = request->attach_stdin;
    return 0;
}

static int call(Cli *cli, const char *method, const void *request, Error *err) {
    Client *client = NULL;
    TRY(cli_client(cli, &client, err));
    return client_call(client, &tare__v1__containers__descriptor, method, request, NULL, err);
}

static int start(Cli *cli, const char *id, Error *err) {
    Tare__V1__ContainerRequest request = TARE__V1__CONTAINER_REQUEST__INIT;
    request.container = (char *)id;
    return call(cli, "Start", &request, err);
}

/* With --rm: after a failed start nothing may be left. That has happened already if the container
 * is not found. */
static void remove_quietly(Cli *cli, const char *id) {
    Tare__V1__RemoveContainerRequest request = TARE__V1__REMOVE_CONTAINER_REQUEST__INIT;
    request.container = (char *)id;
    request.force = request.volumes = true;
    Error ignored = {};
    call(cli, "Remove", &request, &ignored);
}

/* The shim has told us of the end. The prompt comes back only when the engine knows it, too, so
 * that the next command finds the exit code, with --rm the name free again. A policy may begin the
 * next life at once: then there is no end to wait for. */
static void wait_settled(Cli *cli, const CreateRequest *created, const char *id) {
    Tare__V1__WaitContainerRequest request = TARE__V1__WAIT_CONTAINER_REQUEST__INIT;
    request.container = (char *)id;
    request.condition = created->auto_remove ? TARE__V1__WAIT_CONDITION__WAIT_REMOVED
                                             : TARE__V1__WAIT_CONDITION__WAIT_NOT_RUNNING;
    if (created->restart && !text_equal(created->restart->name, "no"))
        return;
    int attempts = created->auto_remove ? 2 : 1; // a new engine only for work that it has to do
    for (int attempt = 0; attempt < attempts; attempt++) {
        Error ignored = {};
        if (call(cli, "Wait", &request, &ignored) >= 0 ||
            !text_equal(ignored.reason, "CONNECTION_LOST"))
            return;
        cli_disconnect(cli); // the engine was killed meanwhile: a new one does the same
    }
}

static int run_attached(Cli *cli, const RunOptions *options, const CreateRequest *request,
    const char *id, bool *ret_started, int *ret_code, Error *err) {
    SessionOptions session_options = {
        .in = request->attach_stdin,
        .out = request->attach_stdout,
        .error = request->attach_stderr,
        .signal_proxy = options->signal_proxy,
        .patient = true,
    };
    TRY(session_detach_keys(options->detach_keys, &session_options.detach, err));
    autoptr(Session) session = NULL;
    TRY(session_open(cli, id, &session_options, &session, err));
    TRY(start(cli, id, err));
    *ret_started = true;
    bool detached = false;
    TRY(session_run(session, &detached, ret_code, err));
    if (!detached)
        wait_settled(cli, request, id);
    return 0;
}

static int failure(Cli *cli, const Error *err) {
    cli_report_usage(cli, err);
    if (text_equal(err->reason, "COMMAND_NOT_FOUND"))
        return EXIT_NOT_FOUND;
    return text_equal(err->reason, "COMMAND_NOT_EXECUTABLE") ? EXIT_NOT_EXECUTABLE : EXIT_ENGINE;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    const RunOptions *options = values;
    Error err = {};
    autoptr(CreateRequest) request = NULL;
    Detach checked = {};
    if (create_request_new(&options->create, argc, argv, &request, &err) < 0 ||
        parse_attach(options, request, &err) < 0 ||
        session_detach_keys(options->detach_keys, &checked, &err) < 0)
        return failure(cli, &err);
    if (session_check_terminal(request->attach_stdin, request->terminal, &err) < 0)
        return cli_report(cli, &err);

    autofree char *id = NULL;
    if (create_container(cli, &options->create, request, &id, &err) < 0)
        return failure(cli, &err);
    bool attached = request->attach_stdin || request->attach_stdout || request->attach_stderr;
    bool started = false;
    int code = 0;
    int result = attached ? run_attached(cli, options, request, id, &started, &code, &err)
                          : start(cli, id, &err);
    if (result < 0) {
        if (request->auto_remove && !started)
            remove_quietly(cli, id);
        return failure(cli, &err);
    }
    if (!attached)
        printf("%s\n", id);
    return code;
}

#define T RunOptions
static const Option options[] = {
    CREATE_ROWS,
    {'d', "detach", OPTION_FLAG, offsetof(T, detach), NULL,
        "Run container in background and print container ID"},
    {0, "detach-keys", OPTION_TEXT, offsetof(T, detach_keys), "string",
        "Override the key sequence for detaching a container"},
    {0, "sig-proxy", OPTION_FLAG, offsetof(T, signal_proxy), NULL,
        "Proxy received signals to the process (default true)"},
    {},
};
#undef T

static const RunOptions defaults = {.create.untrusted = true, .signal_proxy = true};

const Command command_run = {
    .arguments = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    .summary = "Create and run a new container from an image",
    .more =
        "COMMAND and its arguments replace the image's CMD and follow its ENTRYPOINT. An image "
        "that is not here is pulled.\n\n"
        "Exit status: 125 when the container could not be run, 126 when the program cannot be "
        "executed, 127 when it does not exist, else the program's own, 128 + n when signal n "
        "ended it.\n\n"
        "RUNTIME is a name of the engine's configuration, tare, runc, crun, the path of an OCI "
        "runtime, or another project's shim: its path, or a type like io.containerd.runc.v2.\n\n"
        "The keys ctrl-p ctrl-q leave a container that has a terminal without stopping it.",
    .options = options,
    .options_size = sizeof(RunOptions),
    .defaults = &defaults,
    .mode = OPTION_UNTIL_COMMAND,
    .min = 1,
    .max = -1,
    .run = run,
};
