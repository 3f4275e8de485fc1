// SPDX-License-Identifier: Apache-2.0
#include "engine/api/containerd/stream_bytes.h"

#include <string.h>

#include "proto/containerd/types/transfer-streaming.pb-c.h"

enum {
    PIECE = 32 << 10,
    WINDOW = 64 << 10 /* what containerd's clients grant at a time */
};

/* Returns 1 at the end of the client's stream. */
static int receive_data(ByteStream *self, Error *err) {
    if (self->message)
        protobuf_c_message_free_unpacked(self->message, NULL);
    self->message = NULL;
    self->used = 0;
    if (self->granted - self->moved < WINDOW) {
        Containerd__Transfer__WindowUpdate update;
        containerd__transfer__window_update__init(&update);
        update.update = WINDOW;
        Error gone; /* then what was sent is still to be read */
        stream_send(self->stream, &update.base, &gone);
        self->granted += WINDOW;
    }
    return stream_receive(
        self->stream, &containerd__transfer__data__descriptor, &self->message, err);
}

ssize_t byte_stream_read(void *user, void *buffer, size_t size, Error *err) {
    ByteStream *self = user;
    const Containerd__Transfer__Data *data = (const void *)self->message;
    while (!self->ended && (!data || self->used == data->data.len)) {
        int code = receive_data(self, err);
        TRY(code);
        self->ended = code > 0;
        data = (const void *)self->message;
        self->moved += data ? data->data.len : 0;
    }
    if (self->ended)
        return 0;
    size_t left = data->data.len - self->used, n = left < size ? left : size;
    memcpy(buffer, data->data.data + self->used, n);
    self->used += n;
    return (ssize_t)n;
}

static int wait_for_grant(ByteStream *self, Error *err) {
    ProtobufCMessage *message = NULL;
    int code = stream_receive(
        self->stream, &containerd__transfer__window_update__descriptor, &message, err);
    TRY(code);
    if (code > 0)
        return error_set(err, ERROR_CANCELLED, "the client takes no more");
    const Containerd__Transfer__WindowUpdate *update = (const void *)message;
    self->granted += update->update > 0 ? (uint64_t)update->update : 0;
    protobuf_c_message_free_unpacked(message, NULL);
    return 0;
}

int byte_stream_write(void *user, const void *data, size_t n, Error *err) {
    ByteStream *self = user;
    for (size_t sent = 0, now; sent < n; sent += now) {
        while (self->granted <= self->moved)
            TRY(wait_for_grant(self, err));
        uint64_t window = self->granted - self->moved;
        now = n - sent < PIECE ? n - sent : PIECE;
        now = now < window ? now : (size_t)window;
        Containerd__Transfer__Data message;
        containerd__transfer__data__init(&message);
        message.data = (ProtobufCBinaryData){now, (uint8_t *)(uintptr_t)data + sent};
        TRY(stream_send(self->stream, &message.base, err));
        self->moved += now;
    }
    return 0;
}

/* A client ends when its call has been answered, be everything written down or not; it grants a
 * window more when less than one is left of what it has granted. So zeros follow, which end any
 * tar, two windows of them and up to the border of one: with the grant beyond the last byte, all
 * that counts has been taken. */
int byte_stream_finish_tar(ByteStream *self, Error *err) {
    static const char zeros[WINDOW];
    TRY(byte_stream_write(self, zeros, sizeof(zeros), err));
    TRY(byte_stream_write(self, zeros, sizeof(zeros), err));
    TRY(byte_stream_write(self, zeros, WINDOW - (size_t)(self->moved % WINDOW), err));
    while (self->granted <= self->moved)
        TRY(wait_for_grant(self, err));
    return 0;
}

void byte_stream_done(ByteStream *self) {
    if (self->message)
        protobuf_c_message_free_unpacked(self->message, NULL);
    self->message = NULL;
}
