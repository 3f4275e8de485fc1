// SPDX-License-Identifier: Apache-2.0
#include "runtime/checkpoint/criu.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/process.h"

enum {
    MESSAGE_MAX = 65536 /* of criu's; a request may be larger */
};

static int find_program(char **ret, Error *err) {
    int r = process_find_program("criu", ret, err);
    return r == ERROR_NOT_FOUND
               ? error_set(err, r, "exec: \"criu\": executable file not found in $PATH")
               : r;
}

/* SO_SNDBUF bounds a message: thousands of mounts must fit. */
static int make_socket_pair(int ret[2], Error *err) {
    const int size = 4 << 20;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
        return error_set_errno(err, errno, "cannot make a socket pair");
    (void)setsockopt(ret[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    return 0;
}

int criu_start(Criu *criu, const CriuStart *start, Error *err) {
    autofree char *program = NULL;
    int pair[2];
    *criu = (Criu){.socket = -1};
    TRY(find_program(&program, err));
    TRY(make_socket_pair(pair, err));
    autoclose int theirs = pair[1];
    criu->socket = pair[0];
    autofree int *more = new_array(int, start->n + 1);
    more[0] = theirs;
    for (size_t i = 0; i < start->n; i++)
        more[i + 1] = start->fds[i];
    const char *argv[] = {"criu", "swrk", "3", NULL};
    ProcessSpawn spawn = {.argv = argv,
        .path = program,
        .fds = {start->standard[0], start->standard[1], start->standard[2]},
        .more_fds = more,
        .more_fds_n = start->n + 1};
    int r = process_spawn(&spawn, &criu->pid, err);
    if (r < 0)
        criu_done(criu);
    return r;
}

static int send_request(const Criu *criu, const Text *request, Error *err) {
    if (send(criu->socket, request->data, request->length, MSG_NOSIGNAL) < 0)
        return error_set_errno(err, errno, "cannot talk to criu");
    return 0;
}

/* Keeps the first descriptor that came along, which only a terminal's master is. */
static int take_descriptor(struct msghdr *message) {
    int found = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (found < 0)
                found = fd;
            else
                close(fd);
        }
    }
    return found;
}

static int receive(const Criu *criu, CriuReply *ret, int *ret_fd, Error *err) {
    autofree char *buffer = memory_new(MESSAGE_MAX);
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))];
    struct iovec part = {.iov_base = buffer, .iov_len = MESSAGE_MAX};
    struct msghdr message = {.msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof control};
    ssize_t n;
    while ((n = recvmsg(criu->socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        ;
    if (n < 0)
        return error_set_errno(err, errno, "cannot hear criu");
    autoclose int fd = take_descriptor(&message);
    if (n == 0)
        return error_set(err, ERROR_UNAVAILABLE, "criu ended unexpectedly");
    if (message.msg_flags & MSG_TRUNC)
        return error_set(err, ERROR_EXHAUSTED, "criu's message is too long");
    if (criu_reply_decode(buffer, (size_t)n, ret, err) < 0)
        return error_prefix(err, "criu");
    *ret_fd = take_fd(&fd);
    return 0;
}

static const char *type_name(int type) {
    switch (type) {
    case CRIU_DUMP:
        return "DUMP";
    case CRIU_RESTORE:
        return "RESTORE";
    case CRIU_PRE_DUMP:
        return "PRE_DUMP";
    case CRIU_NOTIFY:
        return "NOTIFY";
    case CRIU_FEATURE_CHECK:
        return "FEATURE_CHECK";
    case CRIU_VERSION:
        return "VERSION";
    default:
        return "EMPTY";
    }
}

/* The words that the reference runtime's users know. */
static int failed(const CriuReply *reply, Error *err) {
    return error_set(
        err, ERROR_UNKNOWN, "criu failed: type %s errno %d", type_name(reply->type), reply->code);
}

static int ask(const Criu *criu, const Text *request, CriuReply *ret, Error *err) {
    int fd = -1;
    TRY(send_request(criu, request, err));
    TRY(receive(criu, ret, &fd, err));
    if (fd >= 0)
        close(fd);
    return ret->success ? 0 : failed(ret, err);
}

int criu_version(const Criu *criu, int *ret, Error *err) {
    autodone(Text) request = {};
    autodone(CriuReply) reply = {};
    request_encode_version(&request);
    if (ask(criu, &request, &reply, err) < 0)
        return error_prefix(err, "CRIU version check failed");
    *ret = reply.version;
    return 0;
}

int criu_features(const Criu *criu, CriuFeatures *ret, Error *err) {
    autodone(Text) request = {};
    autodone(CriuReply) reply = {};
    request_encode_features(&request);
    if (ask(criu, &request, &reply, err) < 0)
        return error_prefix(err, "CRIU feature check failed");
    *ret = reply.features;
    return 0;
}

/* Our part at this point of criu's work. */
static int hear(const CriuListener *listener, const CriuReply *reply, int fd, Error *err) {
    const CriuNotice notice = {
        .name = reply->script ? reply->script : "", .pid = reply->pid, .fd = fd};
    return listener->notify(listener->argument, &notice, err);
}

static int respond(const Criu *criu, bool success, Error *err) {
    autodone(Text) request = {};
    request_encode_notified(success, &request);
    return send_request(criu, &request, err);
}

/* Once our part has failed criu is told so until its last word, which is of no more interest. */
int criu_run(Criu *criu, CriuType type, const CriuOptions *options, const CriuListener *listener,
    Error *err) {
    autodone(Text) request = {};
    Error failure = {};
    request_encode(type, options, &request);
    TRY(send_request(criu, &request, err));
    for (;;) {
        autodone(CriuReply) reply = {};
        autoclose int fd = -1;
        int r = receive(criu, &reply, &fd, err);
        if (r >= 0 && reply.success && reply.type == CRIU_NOTIFY) {
            if (!failure.code)
                (void)hear(listener, &reply, fd, &failure);
            r = respond(criu, !failure.code, err);
            if (r >= 0)
                continue;
        }
        if (failure.code)
            return *err = failure, failure.code;
        TRY(r);
        if (!reply.success) {
            criu->complaint = take_ptr(&reply.message);
            return failed(&reply, err);
        }
        if (reply.type != (int)type)
            return error_set(err, ERROR_CORRUPT, "criu: answer %d to request %d", reply.type, type);
        return 0;
    }
}

/* Closed first: a criu that still waits for us ends. */
void criu_done(Criu *criu) {
    if (criu->socket >= 0)
        close(criu->socket);
    if (criu->pid > 0)
        while (waitpid(criu->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    free(criu->complaint);
    *criu = (Criu){.socket = -1};
}
