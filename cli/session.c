// SPDX-License-Identifier: Apache-2.0
#include "cli/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/config.h"
#include "cli/terminal.h"
#include "proto/tare/v1/container.pb-c.h"

struct Session {
    Cli *cli;
    const char *container;
    Stream *stream;
    bool terminal, patient;
};

int session_detach_keys(const char *option, Detach *ret, Error *err) {
    autofree char *configured = text_is_empty(option) ? config_text("detachKeys") : NULL;
    return detach_parse(configured ? configured : option, ret, err);
}

int session_check_terminal(bool in, bool terminal, Error *err) {
    if (in && terminal && !terminal_is(STDIN_FILENO))
        return error_set(err, ERROR_INVALID, "the input device is not a TTY");
    return 0;
}

bool session_has_terminal(const Session *session) {
    return session->terminal;
}

/* The program may be gone already, or not started yet: then the signal has come for nobody. */
static void forward_signal(int number, void *data) {
    Session *session = data;
    Client *client = NULL;
    Error ignored = {};
    const char *name = signal_name(number);
    autofree char *text = name ? text_copy(name) : text_format("%d", number);
    Tare__V1__KillContainerRequest request = TARE__V1__KILL_CONTAINER_REQUEST__INIT;
    request.container = (char *)session->container;
    request.signal = text;
    if (cli_client(session->cli, &client, &ignored) >= 0 &&
        client_call(client, &tare__v1__containers__descriptor, "Kill", &request, NULL, &ignored) <
            0 &&
        text_equal(ignored.reason, "CONNECTION_LOST"))
        cli_disconnect(session->cli);
}

int session_open(
    Cli *cli, const char *container, const SessionOptions *options, Session **ret, Error *err) {
    Client *client = NULL;
    TRY(cli_client(cli, &client, err));
    Tare__V1__ContainerRequest request = TARE__V1__CONTAINER_REQUEST__INIT;
    request.container = (char *)container;
    autoreply Tare__V1__AttachResponse *reply = NULL;
    TRY(client_call(client, &tare__v1__containers__descriptor, "Attach", &request, &reply, err));
    bool in = options->in && reply->open_stdin;
    TRY(session_check_terminal(in, reply->terminal, err));

    autoptr(Session) session = new (Session);
    session->cli = cli;
    session->container = container;
    session->terminal = reply->terminal;
    session->patient = options->patient;
    StreamOptions stream = {
        .socket = reply->socket,
        .exec_id = "",
        .in = in,
        .out = options->out,
        .error = options->error,
        .patient = options->patient,
        .terminal = reply->terminal,
        .replay = options->replay,
        .redraw = options->redraw,
        .detach = reply->terminal ? options->detach : (Detach){},
        .on_signal = options->signal_proxy ? forward_signal : NULL,
        .data = session,
    };
    TRY(stream_open(&stream, &session->stream, err));
    *ret = take_ptr(&session);
    return 0;
}

void session_free(Session *session) {
    if (!session)
        return;
    stream_free(session->stream);
    free(session);
}

/* The shim went away without a word: the engine knows how the program ended. */
static int ask_engine(Session *session, int *ret_code, Error *err) {
    Client *client = NULL;
    TRY(cli_client(session->cli, &client, err));
    Tare__V1__WaitContainerRequest request = TARE__V1__WAIT_CONTAINER_REQUEST__INIT;
    request.container = (char *)session->container;
    autoreply Tare__V1__WaitContainerResponse *reply = NULL;
    TRY(client_call(client, &tare__v1__containers__descriptor, "Wait", &request, &reply, err));
    if (*reply->error)
        return error_set(err, ERROR_UNKNOWN, "%s", reply->error);
    *ret_code = reply->exit_code;
    return 0;
}

int session_run(Session *session, bool *ret_detached, int *ret_code, Error *err) {
    StreamResult result = {};
    TRY(stream_relay(session->stream, &result, err));
    *ret_detached = result.end == STREAM_DETACHED;
    if (result.end == STREAM_CLOSED && !session->patient)
        fprintf(stderr, "tare: cut off from the container's output, which was read too slowly: see "
                        "'tare logs'\n");
    if (result.end == STREAM_CLOSED)
        return ask_engine(session, ret_code, err);
    *ret_code = result.end == STREAM_EXITED ? result.exit_code : 0;
    return 0;
}
