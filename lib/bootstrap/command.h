// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <protobuf-c/protobuf-c.h>

#include "base/error.h"
#include "base/text.h"
#include "bootstrap/answer.h"

/* The commands of a containerd shim, which is another program's or ours: start and delete as
 * containerd runs them in the container's bundle, and what it tells of itself. */
typedef struct BootstrapCommand {
    const char *program; /* absolute */
    const char *name_space, *id, *bundle;
    const char *engine;              /* address of the gRPC socket that it is told */
    const char *events;              /* of the ttrpc socket that takes its events */
    const char *publish_binary;      /* NULL: none, it has the socket */
    const ProtobufCMessage *options; /* of the runtime; NULL: none */
} BootstrapCommand;

/* ERROR_UNSUPPORTED: it speaks neither ttrpc nor a version that we know. */
int bootstrap_command_start(const BootstrapCommand *command, BootstrapAnswer *ret, Error *err);

/* Ends what is left of its container. *ret_exit_code is what it says of init. */
int bootstrap_command_delete(const BootstrapCommand *command, int *ret_exit_code, Error *err);

/* A containerd.types.RuntimeInfo of the runtime that it is for; options as in BootstrapCommand. */
int bootstrap_command_info(
    const char *program, const ProtobufCMessage *options, Text *ret, Error *err);
