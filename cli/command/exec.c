// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/environment.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "proto/tare/v1/container.pb-c.h"

typedef struct ExecOptions {
    bool detach, interactive, terminal, privileged;
    OptionTexts environment, environment_files;
    const char *user, *directory, *detach_keys;
} ExecOptions;

static int call(Cli *cli, const char *method, const void *request, void *ret_reply, Error *err) {
    Client *client = NULL;
    TRY(cli_client(cli, &client, err));
    return client_call(client, &tare__v1__containers__descriptor, method, request, ret_reply, err);
}

static int create(Cli *cli, const ExecOptions *options, int argc, char **argv,
    Tare__V1__ExecCreateResponse **ret, Error *err) {
    autotexts char **environment = NULL;
    TRY(environment_collect(&options->environment_files, &options->environment, &environment, err));
    Tare__V1__ExecCreateRequest request = TARE__V1__EXEC_CREATE_REQUEST__INIT;
    request.container = argv[0];
    request.n_command = (size_t)argc - 1;
    request.command = argv + 1;
    request.environment = environment;
    request.n_environment = texts_count(environment);
    if (options->user)
        request.user = (char *)options->user;
    if (options->directory)
        request.working_directory = (char *)options->directory;
    request.terminal = options->terminal;
    request.open_stdin = options->interactive && !options->detach;
    request.privileged = options->privileged;
    if (options->terminal) {
        TerminalSize size = terminal_size(STDIN_FILENO);
        request.terminal_rows = size.rows;
        request.terminal_columns = size.columns;
    }
    return call(cli, "ExecCreate", &request, ret, err);
}

static int finish(Cli *cli, const Tare__V1__ExecRequest *exec, const StreamResult *result,
    int *ret_code, Error *err) {
    if (result->end == STREAM_DETACHED)
        fprintf(stderr, "read escape sequence\n");
    *ret_code = result->exit_code;
    if (result->end != STREAM_CLOSED)
        return 0;
    autoreply Tare__V1__WaitContainerResponse *reply = NULL;
    TRY(call(cli, "ExecWait", exec, &reply, err));
    *ret_code = reply->exit_code;
    return *reply->error ? error_set(err, ERROR_UNKNOWN, "%s", reply->error) : 0;
}

static int exec(
    Cli *cli, const ExecOptions *options, int argc, char **argv, int *ret_code, Error *err) {
    Detach detach = {};
    TRY(session_detach_keys(options->detach_keys, &detach, err));
    if (!options->detach)
        TRY(session_check_terminal(options->interactive, options->terminal, err));
    autoreply Tare__V1__ExecCreateResponse *created = NULL;
    TRY(create(cli, options, argc, argv, &created, err));
    Tare__V1__ExecRequest request = TARE__V1__EXEC_REQUEST__INIT;
    request.container = argv[0];
    request.exec_id = created->exec_id;
    if (options->detach)
        return call(cli, "ExecStart", &request, NULL, err);

    StreamOptions stream_options = {
        .socket = created->socket,
        .exec_id = created->exec_id,
        .in = options->interactive,
        .out = true,
        .error = true,
        .patient = true,
        .terminal = options->terminal,
        .detach = options->terminal ? detach : (Detach){},
    };
    autoptr(Stream) stream = NULL;
    TRY(stream_open(&stream_options, &stream, err));
    TRY(call(cli, "ExecStart", &request, NULL, err));
    StreamResult result = {};
    TRY(stream_relay(stream, &result, err));
    return finish(cli, &request, &result, ret_code, err);
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    Error err = {};
    int code = 0;
    if (exec(cli, values, argc, argv, &code, &err) >= 0)
        return code;
    cli_report(cli, &err);
    if (text_equal(err.reason, "COMMAND_NOT_FOUND"))
        return EXIT_NOT_FOUND;
    return text_equal(err.reason, "COMMAND_NOT_EXECUTABLE") ? EXIT_NOT_EXECUTABLE : 1;
}

#define T ExecOptions
static const Option options[] = {
    {'d', "detach", OPTION_FLAG, offsetof(T, detach), NULL,
        "Detached mode: run command in the background"},
    {0, "detach-keys", OPTION_TEXT, offsetof(T, detach_keys), "string",
        "Override the key sequence for detaching a container"},
    {'e', "env", OPTION_TEXTS, offsetof(T, environment), "list", "Set environment variables"},
    {0, "env-file", OPTION_TEXTS, offsetof(T, environment_files), "list",
        "Read in a file of environment variables"},
    {'i', "interactive", OPTION_FLAG, offsetof(T, interactive), NULL,
        "Keep STDIN open even if not attached"},
    {0, "privileged", OPTION_FLAG, offsetof(T, privileged), NULL,
        "Give extended privileges to the command"},
    {'t', "tty", OPTION_FLAG, offsetof(T, terminal), NULL, "Allocate a pseudo-TTY"},
    {'u', "user", OPTION_TEXT, offsetof(T, user), "string",
        "Username or UID (format: \"<name|uid>[:<group|gid>]\")"},
    {'w', "workdir", OPTION_TEXT, offsetof(T, directory), "string",
        "Working directory inside the container"},
    {},
};
#undef T

const Command command_exec = {
    .arguments = "[OPTIONS] CONTAINER COMMAND [ARG...]",
    .summary = "Execute a command in a running container",
    .more =
        "Exit status: 126 when the command cannot be executed, 127 when it does not exist, else "
        "the command's own.",
    .options = options,
    .options_size = sizeof(ExecOptions),
    .mode = OPTION_UNTIL_COMMAND,
    .min = 2,
    .max = -1,
    .run = run,
};
