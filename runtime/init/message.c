// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

int message_pair(int ret[2], Error *err) {
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
        return error_set_errno(err, errno, "cannot make a socket pair");
    return 0;
}

static int send_message(int socket, const Message *message, Error *err) {
    ssize_t n;
    while ((n = write(socket, message, sizeof *message)) < 0 && errno == EINTR)
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

int message_died(Error *err) {
    return error_set(
        err, ERROR_UNAVAILABLE, "the container's init process died while it was set up");
}

static const char *failure_name;

void message_name_failures(const char *prefix) {
    failure_name = prefix;
}

bool message_names_failures(void) {
    return failure_name;
}

/* A packet is as long as a Message, or it is refused (a longer one would be cut). Both ends write
 * whole messages, so a stream (start.sock) gives them whole, too. */
int message_receive(int socket, Message *ret, Error *err) {
    bool unread = false;
    ssize_t n;
    while ((n = read(socket, ret, sizeof *ret)) < 0 && (errno == EINTR || errno == ECONNRESET))
        unread = unread || errno == ECONNRESET; /* said once; the peer's messages come after */
    if (n == 0 && unread)
        return message_died(err);
    if (n == 0)
        return 0;
    if (n != sizeof *ret)
        return error_set_errno(
            err, n < 0 ? errno : EBADMSG, "cannot listen to the runtime's other half");
    ret->error.message[sizeof ret->error.message - 1] = '\0';
    ret->error.reason[sizeof ret->error.reason - 1] = '\0';
    if (ret->type != MESSAGE_FAILED || ret->error.code >= 0)
        return 1;
    *err = ret->error;
    if (failure_name && !text_starts(err->message, "exec "))
        error_prefix(err, "%s", failure_name);
    return err->code;
}

void message_explain(int socket, Error *err) {
    Message message;
    Error said;
    struct pollfd readable = {.fd = socket, .events = POLLIN};
    if (err->sys == EPIPE && poll(&readable, 1, 0) > 0 &&
        message_receive(socket, &message, &said) < 0 && said.code != ERROR_UNAVAILABLE)
        *err = said;
}

int message_expect(int socket, MessageType type, int *ret_pid, Error *err) {
    Message message;
    int r = message_receive(socket, &message, err);
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

int message_ask(int socket, MessageType type, int descriptor, int mount, Error *err) {
    const Message message = {.type = (int)type, .pid = descriptor, .mount = mount};
    TRY(send_message(socket, &message, err));
    return message_expect(socket, MESSAGE_DONE, NULL, err);
}

int message_expect_end(int socket, Error *err) {
    Message message;
    int r = message_receive(socket, &message, err);
    if (r > 0)
        return error_set(err, ERROR_INTERNAL, "init said %d instead of nothing", message.type);
    return r;
}
