// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/detach.h"
#include "cli/stream.h"

/* What run, start -a and attach share: streams to a container's own program. */
typedef struct SessionOptions {
    bool in, out, error;
    bool signal_proxy; /* our signals go to the program */
    Detach detach;     /* heeded with a terminal only */
    bool replay;       /* first what the log holds */
    bool patient;      /* the program is ours: it waits when our reader does */
    bool redraw;       /* have a program with a terminal show its prompt again */
} SessionOptions;

typedef struct Session Session;

/* `container` is borrowed and must outlive the session. */
int session_open(
    Cli *cli, const char *container, const SessionOptions *options, Session **ret, Error *err);
bool session_has_terminal(const Session *session);

/* Relays to the end; *ret_code is the program's exit code, 0 when the user detached. */
int session_run(Session *session, bool *ret_detached, int *ret_code, Error *err);
void session_free(Session *session);
CLEANUP_DEFINE(Session, session_free)

/* What --detach-keys says, else "detachKeys" of the user's file, else the default. */
int session_detach_keys(const char *option, Detach *ret, Error *err);

/* -t with -i asks for a terminal on our side too: "the input device is not a TTY". */
int session_check_terminal(bool in, bool terminal, Error *err);
