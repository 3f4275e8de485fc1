// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include "engine/api/containerd/stream.h"

/* Bytes over a stream, as containerd's clients send and take them: the receiver grants so many at a
 * time (WindowUpdate), the sender sends as many (Data). One direction a stream. */
typedef struct ByteStream {
    LentStream *stream;
    uint64_t granted, moved;
    ProtobufCMessage *message; /* of which `used` bytes have been read */
    size_t used;
    bool ended;
} ByteStream;

ssize_t byte_stream_read(void *stream, void *buffer, size_t size, Error *err); /* 0: the end */
int byte_stream_write(void *stream, const void *data, size_t n, Error *err);

/* After the last write of a tar: returns when the client has taken all of it. */
int byte_stream_finish_tar(ByteStream *stream, Error *err);
void byte_stream_done(ByteStream *stream);
CLEANUP_DEFINE_DONE(ByteStream, byte_stream_done)
