// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "shim/log/driver.h"

/* Messages on their way to a log daemon that may be slow, away or stopped: kept up to the size that
 * the settings give, sent without ever waiting, and the daemon is called again until it answers. In
 * blocking mode a full queue makes the program wait; else messages are dropped and counted, and one
 * message says how many as soon as there is room. */
typedef struct LogQueueOptions {
    const LogSinkOptions *sink; /* its loop, settings, ready and owner; read by log_queue_new */
    LogSink *full;              /* whose `full` and `behind` are kept right */
    void *owner;                /* of the functions */
    /* A connected or connecting non-blocking socket. */
    int (*call)(void *owner, int *ret_fd, Error *err);
    /* One message, or the rest of it: bytes that were taken; -1 and errno. */
    ssize_t (*send)(void *owner, int fd, const char *bytes, size_t n);
    /* Adds a message of ours. */
    void (*note)(void *owner, const char *text);
} LogQueueOptions;

typedef struct LogQueue LogQueue;
LogQueue *log_queue_new(const LogQueueOptions *options);

/* Gives what waits a second more. Takes NULL. */
void log_queue_free(LogQueue *queue);

void log_queue_add(LogQueue *queue, const char *bytes, size_t n);
