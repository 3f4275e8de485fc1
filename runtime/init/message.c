// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/message.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"

int message_pair(int ret[2], Error *err) {
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
        return error_set_errno(err, errno, "cannot make a socket pair");
    return 0;
}

static int send_message(int socket, const Message *message, Error *err) {
    ssize_t n;
    while ((n = send(socket, message, sizeof *message, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        ;
    if (n != sizeof *message)
        return error_set_errno(err, errno, "cannot speak to the runtime's other half");
    return 0;
}

int message_send(int socket, MessageType type, int pid, Error *err) {
    Message message = {.type = (int)type, .pid = pid};
    return send_message(socket, &message, err);
}

void message_send_failure(int socket, const Error *failure) {
    Message message = {.type = MESSAGE_FAILED, .error = *failure};
    Error ignored;
    (void)send_message(socket, &message, &ignored);
}

/* 0 at end of file, else 1; *ret_unread: the peer ended before it read all that we said. The size
 * is checked: nothing shorter or longer is ever looked at. */
static int receive(int socket, Message *ret, bool *ret_unread, Error *err) {
    ssize_t n;
    *ret_unread = false;
    while ((n = recv(socket, ret, sizeof *ret, MSG_TRUNC)) < 0 &&
           (errno == EINTR || errno == ECONNRESET))
        *ret_unread = *ret_unread || errno == ECONNRESET; /* said once; its messages come after */
    if (n == 0)
        return 0;
    if (n != sizeof *ret)
        return error_set_errno(
            err, n < 0 ? errno : EBADMSG, "cannot listen to the runtime's other half");
    ret->error.message[sizeof ret->error.message - 1] = '\0';
    ret->error.reason[sizeof ret->error.reason - 1] = '\0';
    if (ret->type == MESSAGE_FAILED && ret->error.code < 0)
        return *err = ret->error, err->code;
    return 1;
}

int message_died(Error *err) {
    return error_set(
        err, ERROR_UNAVAILABLE, "the container's init process died while it was set up");
}

int message_expect(int socket, MessageType type, int *ret_pid, Error *err) {
    Message message;
    bool unread;
    int r = receive(socket, &message, &unread, err);
    if (r < 0)
        return r;
    if (r == 0)
        return message_died(err);
    if (message.type != (int)type)
        return error_set(
            err, ERROR_INTERNAL, "init said %d instead of %d", message.type, (int)type);
    if (ret_pid)
        *ret_pid = message.pid;
    return 0;
}

int message_expect_end(int socket, Error *err) {
    Message message;
    bool unread;
    int r = receive(socket, &message, &unread, err);
    if (r > 0)
        return error_set(err, ERROR_INTERNAL, "init said %d instead of nothing", message.type);
    return r == 0 && unread ? message_died(err) : r;
}
