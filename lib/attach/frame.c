// SPDX-License-Identifier: Apache-2.0
#include "attach/frame.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

void attach_header_encode(AttachHeader header, uint8_t ret[ATTACH_HEADER_SIZE]) {
    uint32_t length = htonl(header.length);
    memset(ret, 0, ATTACH_HEADER_SIZE);
    ret[0] = (uint8_t)header.type;
    memcpy(ret + 4, &length, sizeof length);
}

int attach_header_decode(const uint8_t bytes[ATTACH_HEADER_SIZE], AttachHeader *ret, Error *err) {
    uint32_t length;
    memcpy(&length, bytes + 4, sizeof length);
    length = ntohl(length);
    bool known = bytes[0] <= ATTACH_STDERR || (bytes[0] >= ATTACH_HELLO && bytes[0] <= ATTACH_EXIT);
    if (!known || bytes[1] || bytes[2] || bytes[3] || length > ATTACH_PAYLOAD_MAX)
        return error_set(err, ERROR_CORRUPT, "malformed attach frame");
    *ret = (AttachHeader){(AttachType)bytes[0], length};
    return 0;
}
