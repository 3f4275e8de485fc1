// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>

#include "engine/api/containerd/message.h"

/* containerd.services.streaming.v1: a client opens a stream under a name of its own and then names
 * it in a Transfer, which borrows it. The stream's own call waits meanwhile. */
typedef struct LentStream LentStream;

/* ERROR_NOT_FOUND. name "": *ret is NULL. */
int stream_borrow(const Caller *caller, const char *name, LentStream **ret, Error *err);
void stream_return(LentStream *stream); /* ends it; NULL: nothing */
static inline void stream_return_(LentStream *stream) {
    stream_return(stream);
}
CLEANUP_DEFINE(LentStream, stream_return_)

int stream_send(LentStream *stream, const ProtobufCMessage *message, Error *err);

/* A message of this type; free it with protobuf_c_message_free_unpacked. Returns 1, and none, at
 * the end of the client's stream. */
int stream_receive(
    LentStream *stream, const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret, Error *err);

/* What an Any holds, if it is of this type; else NULL. The same release. */
ProtobufCMessage *any_unpack(
    const Google__Protobuf__Any *any, const ProtobufCMessageDescriptor *type);
