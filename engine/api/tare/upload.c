// SPDX-License-Identifier: Apache-2.0
#include "engine/api/tare/upload.h"

#include <string.h>

int upload_next(Upload *upload, Error *err) {
    upload->used = 0;
    return rpc_call_receive(upload->call, &upload->message, err);
}

static const ProtobufCBinaryData *data_of(const Upload *upload) {
    return (const void *)((const char *)upload->message + upload->data);
}

ssize_t upload_read(void *user, void *buffer, size_t size, Error *err) {
    Upload *upload = user;
    while (upload->message && upload->used == data_of(upload)->len)
        TRY(upload_next(upload, err));
    if (!upload->message)
        return 0;
    size_t n = data_of(upload)->len - upload->used;
    n = n > size ? size : n;
    memcpy(buffer, data_of(upload)->data + upload->used, n);
    upload->used += n;
    return (ssize_t)n;
}
