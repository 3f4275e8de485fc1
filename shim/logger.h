// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "shim/log/sink.h"
#include "shim/loop.h"

/* A program that takes the output of one process, by containerd's protocol for logging programs:
 * descriptors 3 and 4 are stdout and stderr to read, 5 is closed when it is ready, $CONTAINER_ID
 * and $CONTAINER_NAMESPACE say whose they are, and there is nothing else in the environment.
 *
 * The pipes are kept open here, so that a program that dies is started anew and goes on where the
 * last one ended; one that does so LOGGER_DEATHS times in a row is given up: then what is written
 * is dropped. One that lives and does not read stops its writer, as a full FIFO does. */
typedef struct Logger Logger;

enum {
    LOGGER_DEATHS = 5
};

typedef struct LoggerOptions {
    Loop *loop;
    char *const *argv;           /* argv[0] is a path */
    const char *id, *name_space; /* id: of the container, or of the exec */
    bool strict;                 /* a closed descriptor is not enough, there must be a byte */
    unsigned *farewells;         /* counts those that still read what came before logger_end */
} LoggerOptions;

/* Waits for the program, but not for ever. ret_writers are non-blocking and the caller's. */
int logger_start(
    const LoggerOptions *options, Logger **ret, int ret_writers[LOG_STREAMS], Error *err);

/* The writers are closed: the program reads to the end. NULL is none. */
void logger_end(Logger *logger);
