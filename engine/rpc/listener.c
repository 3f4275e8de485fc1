// SPDX-License-Identifier: Apache-2.0
#include "engine/rpc/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"

enum {
    SOCKETS_MAX = 8,
    BACKLOG = 128,
    INHERITED_FIRST = 3
};

typedef struct Socket {
    int fd;
    char *path; /* NULL: inherited, not ours to remove */
    dev_t device;
    ino_t inode;
} Socket;

struct RpcListener {
    Socket socket[SOCKETS_MAX];
    unsigned n;
    int stop_fd;
    pthread_t thread;
    bool running;
    void (*accepted)(void *user, int fd);
    void *user;
};

RpcListener *rpc_listener_new(void) {
    RpcListener *listener = new (RpcListener);
    listener->stop_fd = eventfd(0, EFD_CLOEXEC);
    return listener;
}

static int add_fd(RpcListener *listener, Socket socket, Error *err) {
    if (listener->n == SOCKETS_MAX)
        return error_set(err, ERROR_EXHAUSTED, "more than %d listening sockets", SOCKETS_MAX);
    TRY(fd_set_nonblocking(socket.fd, true, err));
    listener->socket[listener->n++] = socket;
    return 0;
}

/* Only a refused connection proves that nobody listens any more: the engine's lock file guards the
 * state, but the path may have been given to another program. */
static int remove_stale(const char *path, Error *err) {
    struct stat st;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : error_set_errno(err, errno, "cannot stat '%s'", path);
    if (!S_ISSOCK(st.st_mode))
        return error_set(err, ERROR_EXISTS, "'%s' exists and is not a socket", path);
    autoclose int fd = -1;
    Error probe = {};
    if (fd_connect(path, &fd, &probe) == 0)
        return error_set(err, ERROR_EXISTS, "another program listens on '%s'", path);
    if (probe.sys != ECONNREFUSED)
        return error_set(err, ERROR_EXISTS, "cannot use '%s': %s", path, probe.message);
    if (unlink(path) < 0 && errno != ENOENT)
        return error_set_errno(err, errno, "cannot remove stale socket '%s'", path);
    return 0;
}

int rpc_listener_add(RpcListener *listener, const char *path, mode_t mode, gid_t gid, Error *err) {
    TRY(remove_stale(path, err));
    autoclose int fd = -1;
    TRY(fd_listen(path, gid == (gid_t)-1 ? mode : mode & 0700, BACKLOG, &fd, err));
    /* the group first, then the group's bits, so that no other group ever has them */
    if (gid != (gid_t)-1) {
        if (lchown(path, (uid_t)-1, gid) < 0 || chmod(path, mode) < 0)
            return error_set_errno(err, errno, "cannot give socket '%s' to group %u", path, gid);
    }
    struct stat st;
    if (lstat(path, &st) < 0)
        return error_set_errno(err, errno, "cannot stat '%s'", path);
    Socket socket = {fd, text_copy(path), st.st_dev, st.st_ino};
    int r = add_fd(listener, socket, err);
    if (r < 0)
        free(socket.path);
    else
        take_fd(&fd);
    return r;
}

/* sd_listen_fds(3): the protocol is two variables and descriptors from 3 on. */
int rpc_listener_add_inherited(RpcListener *listener, Error *err) {
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    uint64_t pid_value = 0, n = 0;
    Error ignored;
    if (!pid || !fds || text_parse_uint(pid, "LISTEN_PID", &pid_value, &ignored) < 0 ||
        pid_value != (uint64_t)getpid())
        return 0;
    TRY(text_parse_uint(fds, "LISTEN_FDS", &n, err));
    if (n > SOCKETS_MAX)
        return error_set(err, ERROR_EXHAUSTED, "more than %d inherited sockets", SOCKETS_MAX);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    for (int i = 0; i < (int)n; i++) {
        int fd = INHERITED_FIRST + i, listening = 0;
        socklen_t size = sizeof listening;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening)
            return error_set(
                err, ERROR_INVALID, "inherited descriptor %d is not a listening socket", fd);
        TRY(fd_set_cloexec(fd, true, err));
        TRY(add_fd(listener, (Socket){.fd = fd}, err));
    }
    return (int)n;
}

static void accept_one(RpcListener *listener, int socket) {
    int fd = accept4(socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        listener->accepted(listener->user, fd);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        time_sleep(50 * TIME_MILLISECOND); /* the connection waits in the backlog */
}

static void *accept_thread(void *argument) {
    RpcListener *listener = argument;
    struct pollfd fds[SOCKETS_MAX + 1];
    for (unsigned i = 0; i < listener->n; i++)
        fds[i] = (struct pollfd){listener->socket[i].fd, POLLIN, 0};
    fds[listener->n] = (struct pollfd){listener->stop_fd, POLLIN, 0};
    for (;;) {
        if (poll(fds, listener->n + 1, -1) < 0)
            continue;
        if (fds[listener->n].revents)
            return NULL;
        for (unsigned i = 0; i < listener->n; i++) {
            if (fds[i].revents)
                accept_one(listener, fds[i].fd);
        }
    }
}

int rpc_listener_start(
    RpcListener *listener, void (*accepted)(void *user, int fd), void *user, Error *err) {
    listener->accepted = accepted;
    listener->user = user;
    int r = pthread_create(&listener->thread, NULL, accept_thread, listener);
    if (r != 0)
        return error_set_errno(err, r, "cannot start the thread that accepts connections");
    listener->running = true;
    return 0;
}

static void remove_ours(const Socket *socket) {
    struct stat st;
    if (socket->path && lstat(socket->path, &st) == 0 && st.st_dev == socket->device &&
        st.st_ino == socket->inode)
        unlink(socket->path);
}

void rpc_listener_free(RpcListener *listener) {
    if (!listener)
        return;
    if (listener->running) {
        eventfd_write(listener->stop_fd, 1);
        pthread_join(listener->thread, NULL);
    }
    for (unsigned i = 0; i < listener->n; i++) {
        remove_ours(&listener->socket[i]);
        close(listener->socket[i].fd);
        free(listener->socket[i].path);
    }
    close(listener->stop_fd);
    free(listener);
}
