// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"

static uint32_t load_be32(const uint8_t *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return ntohl(value);
}

static void store_be32(uint8_t *bytes, uint32_t value) {
    value = htonl(value);
    memcpy(bytes, &value, sizeof value);
}

/* 1: some bytes came; 0: none for now. */
static int receive(TtrpcReader *reader, int socket, uint8_t *to, size_t n, Error *err) {
    for (;;) {
        ssize_t got = recv(socket, to, n, MSG_DONTWAIT);
        if (got > 0) {
            reader->got += (size_t)got;
            return 1;
        }
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return 0;
        error_set_errno(err, got == 0 ? ECONNRESET : errno, "connection lost");
        return err->code = ERROR_UNAVAILABLE;
    }
}

static int receive_header(TtrpcReader *reader, int socket, Error *err) {
    while (reader->got < TTRPC_HEADER_SIZE) {
        int r = receive(
            reader, socket, reader->header + reader->got, TTRPC_HEADER_SIZE - reader->got, err);
        if (r <= 0)
            return r;
    }
    return 1;
}

static int receive_data(TtrpcReader *reader, int socket, uint32_t length, Error *err) {
    uint8_t unwanted[4096];
    bool keep = length <= TTRPC_DATA_MAX;
    if (keep && !reader->data)
        reader->data = memory_new(length + 1);
    while (reader->got < TTRPC_HEADER_SIZE + (size_t)length) {
        size_t at = reader->got - TTRPC_HEADER_SIZE, left = length - at;
        uint8_t *to = keep ? reader->data + at : unwanted;
        int r = receive(
            reader, socket, to, keep || left < sizeof unwanted ? left : sizeof unwanted, err);
        if (r <= 0)
            return r;
    }
    return 1;
}

int ttrpc_reader_next(TtrpcReader *reader, int socket, TtrpcFrame *ret, Error *err) {
    uint32_t length = load_be32(reader->header);
    if (reader->got >= TTRPC_HEADER_SIZE && reader->got == TTRPC_HEADER_SIZE + (size_t)length)
        ttrpc_reader_done(reader); /* the frame that the last call returned */
    int r = receive_header(reader, socket, err);
    if (r <= 0)
        return r;
    length = load_be32(reader->header);
    r = receive_data(reader, socket, length, err);
    if (r <= 0)
        return r;
    *ret = (TtrpcFrame){.length = length,
        .stream = load_be32(reader->header + 4),
        .type = reader->header[8],
        .flags = reader->header[9],
        .data = reader->data};
    return TTRPC_FRAME;
}

void ttrpc_reader_done(TtrpcReader *reader) {
    free(reader->data);
    *reader = (TtrpcReader){};
}

int ttrpc_frame_append(
    Text *out, TtrpcType type, uint32_t stream, const ProtobufCMessage *message, Error *err) {
    size_t length = protobuf_c_message_get_packed_size(message);
    if (length > TTRPC_DATA_MAX)
        return error_set(
            err, ERROR_EXHAUSTED, "a message of %zu bytes is longer than 4 MiB", length);
    text_reserve(out, TTRPC_HEADER_SIZE + length + 1);
    uint8_t *header = (uint8_t *)out->data + out->length;
    store_be32(header, (uint32_t)length);
    store_be32(header + 4, stream);
    header[8] = (uint8_t)type;
    header[9] = 0;
    protobuf_c_message_pack(message, header + TTRPC_HEADER_SIZE);
    out->length += TTRPC_HEADER_SIZE + length;
    return 0;
}

int ttrpc_flush(Text *out, int socket, Error *err) {
    size_t sent = 0;
    while (sent < out->length) {
        ssize_t n = send(socket, out->data + sent, out->length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            sent += (size_t)n;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
        error_set_errno(err, errno, "connection lost");
        return err->code = ERROR_UNAVAILABLE;
    }
    if (sent == 0)
        return 0;
    memmove(out->data, out->data + sent, out->length - sent);
    out->length -= sent;
    if (out->length == 0 && out->capacity > 65536)
        text_done(out);
    return 0;
}
