// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "shim/loop.h"
#include "shim/stdio/stdio.h"

/* The attach socket: clients that see and feed the container ("") or one of its execs, by the
 * frames of attach/frame.h. A client that reads more slowly than the program writes slows the
 * program down; one that has not read anything for ATTACH_STALL while its queue is full is dropped,
 * unless it is ATTACH_PATIENT (docs/decisions/0004). */
typedef struct AttachServer AttachServer;

enum {
    ATTACH_QUEUE_MAX = 1 << 20, /* bytes that wait for a client before the program waits */
    ATTACH_CLIENTS_MAX = 64,
};
#define ATTACH_STALL (2 * TIME_SECOND)
#define ATTACH_FAREWELL (10 * TIME_SECOND)   /* to read what was queued when the process ended */
#define ATTACH_HELLO_TIME (10 * TIME_SECOND) /* for a client to say what it wants */

typedef struct AttachOptions {
    Loop *loop;
    const char *path; /* made 0600 */
    /* The streams of an exec, or of the container for ""; NULL: no such process. */
    Stdio *(*find)(void *owner, const char *exec_id);
    void *owner;
} AttachOptions;

int attach_server_new(const AttachOptions *options, AttachServer **ret, Error *err);

/* Clients that have been told the exit are still sent what waits for them. */
void attach_server_forget(AttachServer *server, const Stdio *stdio);
const char *attach_server_path(const AttachServer *server); /* NULL without one */

/* Removes the socket. Clients that have been told the exit are still sent what waits for them:
 * *farewells counts the servers that live for that, and it is one less when each has done so. */
void attach_server_close(AttachServer *server, unsigned *farewells);
