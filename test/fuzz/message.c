// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/message.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "target.h"

/* What init says to the runtime: the first byte is what the runtime waits for, the second cuts the
 * rest into two packets. */

static void listen_to(int socket, MessageType type) {
    Error err = {};
    int pid;
    for (int i = 0; i < 3; i++)
        if (message_expect(socket, type, &pid, &err) < 0)
            break;
    if (message_expect_end(socket, &err) > 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int pair[2];
    Error err = {};
    if (size < 2)
        return 0;
    size_t rest = size - 2, first = sizeof(Message) < rest ? sizeof(Message) : rest;
    if (data[1] < first)
        first = data[1] % 2 ? first : data[1];
    if (message_pair(pair, &err) < 0)
        abort();
    (void)!send(pair[0], data + 2, first, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)!send(pair[0], data + 2 + first, rest - first, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(pair[0]);
    listen_to(pair[1], (MessageType)(data[0] % (MESSAGE_FAILED + 1)));
    close(pair[1]);
    return 0;
}
