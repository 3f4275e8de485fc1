// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "engine/rpc/call.h"

/* A client's stream as one file: the bytes of its messages, one after the other. */
typedef struct Upload {
    RpcCall *call;
    size_t data;                     /* offset of the ProtobufCBinaryData in a message */
    const ProtobufCMessage *message; /* NULL: the stream has ended; gone with the next one */
    size_t used;
} Upload;

/* The next message, which may have more than bytes in it: to be called before the first read. */
int upload_next(Upload *upload, Error *err);

/* As read(2), with `user` an Upload; 0 is the end of the stream. */
ssize_t upload_read(void *user, void *buffer, size_t size, Error *err);
