// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cli/detach.h"

/* Connects this process's standard streams with a program in a container, over the shim's attach
 * socket (lib/attach/frame.h). The engine is not in between, and may die meanwhile. */
typedef struct Stream Stream;

typedef struct StreamOptions {
    const char *socket;  /* path name */
    const char *exec_id; /* "" = the container's own program */
    bool in, out, error; /* which streams are wanted */
    bool patient;        /* the program waits while we do not read; else we are dropped */
    bool terminal;       /* the program has a terminal */
    bool replay;         /* first what the log holds */
    bool redraw;         /* have it draw anew: its terminal changes size and back */
    Detach detach;       /* .n = 0: no keys */
    /* A signal that came to us for the program; NULL: signals are ours. */
    void (*on_signal)(int number, void *data);
    void *data;
} StreamOptions;

/* Returns once the shim says that the streams flow: nothing that the program writes after that is
 * missed. Signals that on_signal will get are held back from here on. */
int stream_open(const StreamOptions *options, Stream **ret, Error *err);

typedef enum StreamEnd {
    STREAM_EXITED,   /* exit_code is valid; all output has been written */
    STREAM_DETACHED, /* the user left */
    STREAM_CLOSED,   /* the shim went away without saying how the program ended */
} StreamEnd;

typedef struct StreamResult {
    StreamEnd end;
    int exit_code;
} StreamResult;

/* Relays until one of these ends. The terminal is raw meanwhile, if the program has one too. */
int stream_relay(Stream *stream, StreamResult *ret, Error *err);

void stream_free(Stream *stream);
CLEANUP_DEFINE(Stream, stream_free)
