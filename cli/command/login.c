// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/credential_store.h"
#include "cli/credentials.h"
#include "cli/terminal.h"
#include "proto/tare/v1/system.pb-c.h"

enum {
    SECRET_MAX = 65536
};

typedef struct LoginOptions {
    const char *username, *password;
    bool password_stdin;
} LoginOptions;

/* The end of a line belongs to the terminal or the file, not to the password. */
static int read_password(char **ret, Error *err) {
    autodone(Text) text = {};
    TRY(fd_read_all(STDIN_FILENO, SECRET_MAX, &text, err));
    while (text.length && strchr("\r\n", text.data[text.length - 1]))
        text.data[--text.length] = '\0';
    *ret = text_copy(text.data ? text.data : "");
    if (text.data)
        explicit_bzero(text.data, text.length);
    return 0;
}

static int no_terminal(Error *err) {
    return error_set(
        err, ERROR_INVALID, "Cannot perform an interactive login from a non TTY device");
}

static int ask_user(const LoginOptions *options, Credentials *ret, Error *err) {
    if (!terminal_is(STDIN_FILENO))
        return no_terminal(err);
    if (!options->username)
        TRY(terminal_ask("Username: ", true, &ret->username, err));
    if (text_is_empty(options->username ? options->username : ret->username))
        return error_set(err, ERROR_INVALID, "Non-null Username Required");
    if (ret->password)
        return 0;
    TRY(terminal_ask("Password: ", false, &ret->password, err));
    return text_is_empty(ret->password) ? error_set(err, ERROR_INVALID, "Password Required") : 0;
}

static int check(const LoginOptions *options, Error *err) {
    if (options->password && options->password_stdin)
        return error_set(err, ERROR_INVALID,
            "conflicting options: cannot specify both --password and --password-stdin");
    if (options->password_stdin && text_is_empty(options->username))
        return error_set(
            err, ERROR_INVALID, "the --password-stdin option requires --username to be set");
    if (options->username && !*options->username)
        return error_set(err, ERROR_INVALID, "username is empty");
    if (options->password && !*options->password)
        return error_set(err, ERROR_INVALID, "password is empty");
    return 0;
}

/* What an earlier login has left; 1: there is something. */
static int find_stored(const char *registry, Credentials *ret, Error *err) {
    TRY(credentials_find(registry, ret, err));
    if (!ret->username && !ret->identity_token)
        return 0;
    fprintf(stderr,
        "Authenticating with existing credentials... [Username: %s]\n\n"
        " Info -> To login with a different account, run 'tare logout' followed by 'tare login'"
        "\n\n\n",
        ret->username ? ret->username : "");
    return 1;
}

/* Options first, then what an earlier login has left, then the user. */
static int find(const LoginOptions *options, const char *registry, Credentials *ret, Error *err) {
    TRY(check(options, err));
    if (options->password)
        fprintf(
            stderr, "WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    if (options->password_stdin)
        TRY(read_password(&ret->password, err));
    else
        ret->password = text_copy(options->password);
    if (options->password_stdin && !*ret->password)
        return no_terminal(err);
    if (!options->username && !ret->password) {
        int stored = find_stored(registry, ret, err);
        if (stored)
            return stored < 0 ? stored : 0;
    }
    if (!ret->password || !options->username)
        TRY(ask_user(options, ret, err));
    if (!ret->username)
        ret->username = text_copy(options->username ? options->username : "");
    return 0;
}

static int log_in(Cli *cli, const LoginOptions *options, const char *registry, Error *err) {
    autodone(Credentials) credentials = {};
    Client *client = NULL;
    TRY(find(options, registry, &credentials, err));
    Tare__V1__RegistryCredentials sent = TARE__V1__REGISTRY_CREDENTIALS__INIT;
    Tare__V1__LoginRequest request = TARE__V1__LOGIN_REQUEST__INIT;
    autoreply Tare__V1__LoginResponse *reply = NULL;
    if (credentials.username)
        sent.username = credentials.username;
    if (credentials.password)
        sent.password = credentials.password;
    if (credentials.identity_token)
        sent.identity_token = credentials.identity_token;
    request.registry = (char *)registry;
    request.credentials = &sent;
    TRY(cli_client(cli, &client, err));
    TRY(client_call(client, &tare__v1__system__descriptor, "Login", &request, &reply, err));
    TRY(credential_store_save(registry, &credentials, err));
    printf("Login Succeeded\n");
    return 0;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    Error err = {};
    autofree char *registry = credential_store_registry(argc ? argv[0] : "");
    return log_in(cli, values, registry, &err) < 0 ? cli_report(cli, &err) : 0;
}

#define T LoginOptions
static const Option options[] = {
    {'p', "password", OPTION_TEXT, offsetof(T, password), "string",
        "Password or Personal Access "
        "Token (PAT)"},
    {0, "password-stdin", OPTION_FLAG, offsetof(T, password_stdin), NULL,
        "Take the Password or Personal Access Token (PAT) from stdin"},
    {'u', "username", OPTION_TEXT, offsetof(T, username), "string", "Username"},
    {},
};
#undef T

const Command command_login = {
    .arguments = "[OPTIONS] [SERVER]",
    .summary = "Authenticate to a registry",
    .more = "Without SERVER, to Docker Hub. What the registry has accepted is kept as docker keeps "
            "it: by the credential helper that credsStore or credHelpers of "
            "$DOCKER_CONFIG/config.json (~/.docker/config.json) names, else in that file, which "
            "only its owner can read.",
    .options = options,
    .options_size = sizeof(LoginOptions),
    .max = 1,
    .run = run,
};
