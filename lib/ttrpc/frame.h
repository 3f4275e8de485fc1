// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* Frames of ttrpc, for both ends of a connection: be32 length, be32 stream id, type, flags, data.
 * A call is one request and one response with the same, odd, increasing stream id. */
enum {
    TTRPC_HEADER_SIZE = 10,
    TTRPC_DATA_MAX = 4 << 20, /* what containerd's implementation accepts */
};
typedef enum TtrpcType {
    TTRPC_REQUEST = 1,
    TTRPC_RESPONSE = 2,
    TTRPC_DATA = 3
} TtrpcType;

typedef struct TtrpcFrame {
    uint32_t length, stream;
    uint8_t type, flags;
    const uint8_t *data; /* borrowed from the reader; valid until its next call */
} TtrpcFrame;

/* Collects bytes of a non-blocking socket into frames. Data of a frame that is too long are read
 * and forgotten, so that the stream id can be answered. Initialise with {}. */
typedef struct TtrpcReader {
    uint8_t header[TTRPC_HEADER_SIZE];
    size_t got; /* of header and data together */
    uint8_t *data;
} TtrpcReader;

enum {
    TTRPC_FRAME = 1
};

/* TTRPC_FRAME: *ret is a frame (data NULL: it was too long); 0: no more bytes for now.
 * ERROR_UNAVAILABLE: the peer has closed the connection, or it broke. */
int ttrpc_reader_next(TtrpcReader *reader, int socket, TtrpcFrame *ret, Error *err);
void ttrpc_reader_done(TtrpcReader *reader);

/* Appends a frame that holds the packed message. ERROR_EXHAUSTED: it would be too long. */
int ttrpc_frame_append(
    Text *out, TtrpcType type, uint32_t stream, const ProtobufCMessage *message, Error *err);

/* Sends what the non-blocking socket takes and removes it from out. ERROR_UNAVAILABLE: broken. */
int ttrpc_flush(Text *out, int socket, Error *err);
