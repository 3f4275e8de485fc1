// SPDX-License-Identifier: Apache-2.0
#include "cli/upload.h"

#include <errno.h>
#include <unistd.h>

#include "base/memory.h"

enum {
    PIECE = 256 << 10
};

int upload_file(ClientStream *stream, int fd, const char *what, const void *request,
    ProtobufCBinaryData *data, Error *err) {
    autofree uint8_t *buffer = memory_new(PIECE);
    for (;;) {
        ssize_t n = read(fd, buffer, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, errno, "cannot read the %s", what);
        if (n == 0)
            return client_send_end(stream, err);
        *data = (ProtobufCBinaryData){(size_t)n, buffer};
        TRY(client_send(stream, request, err));
    }
}
