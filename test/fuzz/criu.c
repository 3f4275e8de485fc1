// SPDX-License-Identifier: Apache-2.0
#include "runtime/checkpoint/criu.h"

#include "target.h"

/* An answer of criu's, which repeats words of images that are foreign. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    autodone(CriuReply) reply = {};
    Error err = {};
    (void)criu_reply_decode((const char *)data, size, &reply, &err);
    return 0;
}
