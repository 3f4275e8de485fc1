// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "attach/frame.h"
#include "target.h"

/* Headers of the attach socket: what is taken is what its encoding says. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (; size >= ATTACH_HEADER_SIZE; data++, size--) {
        uint8_t again[ATTACH_HEADER_SIZE];
        AttachHeader header;
        Error err = {};
        if (attach_header_decode(data, &header, &err) < 0)
            continue;
        if (header.length > ATTACH_PAYLOAD_MAX)
            abort();
        attach_header_encode(header, again);
        if (memcmp(again, data, sizeof again) != 0)
            abort();
    }
    return 0;
}
