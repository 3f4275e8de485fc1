// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "shim/log/sink.h"
#include "shim/logger.h"
#include "shim/loop.h"

/* Where containerd's client wants a process's output: a FIFO's path (or "fifo:///path"),
 * "file:///path", or "binary:///program?word=word" (binary-v2: strict about readiness), whose query
 * becomes the program's arguments in order. "" or NULL is nowhere. A program takes both streams. */
typedef struct OutputOptions {
    Loop *loop;
    const char *paths[LOG_STREAMS];
    const char *id, *name_space; /* of the container, or of the exec */
    unsigned *farewells;
    bool apart; /* of files: see LogSinkOptions */
    void (*ready)(void *owner);
    void *owner;
} OutputOptions;

typedef struct Output {
    int fds[LOG_STREAMS];        /* of FIFOs and programs; the caller's; -1: none */
    bool unmet[LOG_STREAMS];     /* a FIFO that nobody has opened to read so far */
    LogSink *files[LOG_STREAMS]; /* one for both streams is given twice; NULL: none */
    Logger *logger;              /* NULL: none */
} Output;

int output_open(const OutputOptions *options, Output *ret, Error *err);
void output_close_files(LogSink *files[LOG_STREAMS]);
