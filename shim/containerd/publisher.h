// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <sys/types.h>

#include "shim/loop.h"

/* Tells containerd what happens: events go, one after the other, to the ttrpc service that
 * $TTRPC_ADDRESS names, else through "PUBLISH-BINARY publish". Never blocks and never fails: a
 * containerd that is away loses events once PUBLISHER_QUEUE_MAX wait or PUBLISHER_TRIES failed. */
typedef struct Publisher Publisher;

enum {
    PUBLISHER_QUEUE_MAX = 256,
    PUBLISHER_TRIES = 5
};

typedef struct PublisherOptions {
    Loop *loop;
    const char *name_space;
    const char *ttrpc_address; /* NULL or "": none */
    const char *binary;        /* NULL or "": none */
    const char *address;       /* containerd's gRPC socket, for the binary */
} PublisherOptions;

Publisher *publisher_new(const PublisherOptions *options);
Publisher *publisher_free(Publisher *publisher); /* returns NULL */

/* topic: "/tasks/start". */
void publisher_send(Publisher *publisher, const char *topic, const ProtobufCMessage *event);
bool publisher_is_idle(const Publisher *publisher);

/* 0: it does not run. */
pid_t publisher_child(const Publisher *publisher);

/* True if pid was the binary's. */
bool publisher_reaped(Publisher *publisher, pid_t pid);
