// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"

int fd_write_all(int fd, const void *data, size_t n, Error *err) {
    const char *p = data;
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_set_errno(err, errno, "cannot write");
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

int fd_read_all(int fd, size_t limit, Text *ret, Error *err) {
    for (;;) {
        text_reserve(ret, 4096);
        ssize_t n = read(fd, ret->data + ret->length, ret->capacity - ret->length - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, errno, "cannot read");
        ret->length += (size_t)n;
        ret->data[ret->length] = '\0';
        if (n == 0)
            return 0;
        if (ret->length > limit)
            return error_set(err, ERROR_EXHAUSTED, "longer than %zu bytes", limit);
    }
}

int fd_read_exactly(int fd, void *ret, size_t n, Error *err) {
    char *p = ret;
    while (n > 0) {
        ssize_t done = read(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_set_errno(err, errno, "cannot read");
        if (done == 0)
            return error_set(err, ERROR_UNAVAILABLE, "unexpected end of data");
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

static int compare_numbers(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

int fd_close_others(int first, int *keep, size_t n, Error *err) {
    qsort(keep, n, sizeof *keep, compare_numbers);
    for (size_t i = 0; i <= n; i++) {
        unsigned end = i < n ? (unsigned)keep[i] : ~0U; /* -1 is ~0U, too: behind everything */
        if (i < n && keep[i] < first)
            continue;
        if (end > (unsigned)first && close_range((unsigned)first, end - 1, 0) < 0)
            return error_set_errno(err, errno, "cannot close descriptors");
        first = i < n ? keep[i] + 1 : first;
    }
    return 0;
}

static int set_flag(int fd, int get, int set, int flag, bool on, Error *err) {
    int flags = fcntl(fd, get);
    if (flags < 0 || fcntl(fd, set, on ? flags | flag : flags & ~flag) < 0)
        return error_set_errno(err, errno, "cannot change flags of descriptor %d", fd);
    return 0;
}

int fd_set_cloexec(int fd, bool on, Error *err) {
    return set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on, err);
}

int fd_set_nonblocking(int fd, bool on, Error *err) {
    return set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on, err);
}

typedef union FdControl {
    char bytes[CMSG_SPACE(FD_SEND_MAX * sizeof(int))];
    struct cmsghdr align;
} FdControl;

int fd_send_with(int socket, const int *fds, size_t n, const char *text, Error *err) {
    FdControl control = {};
    struct iovec data = {.iov_base = (char *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr message = {.msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    if (n == 0 || n > FD_SEND_MAX)
        return error_set(err, ERROR_INVALID, "cannot send %zu descriptors", n);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(header), fds, n * sizeof(int));
    while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return error_set_errno(err, errno, "cannot send a descriptor");
    return 0;
}

int fd_send(int socket, const int *fds, size_t n, Error *err) {
    return fd_send_with(socket, fds, n, "f", err);
}

/* The first `most` descriptors of a message; what comes beyond them is closed: a peer cannot fill
 * our table. */
static size_t take_fds(struct msghdr *message, int *ret_fds, size_t most) {
    size_t kept = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            if (kept < most)
                ret_fds[kept++] = fd;
            else
                close(fd);
        }
    }
    return kept;
}

int fd_receive_all(int socket, int *ret_fds, size_t n, Error *err) {
    FdControl control = {};
    char bytes[256]; /* runc's peers put the terminal's name here; nobody needs it */
    struct iovec data = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct msghdr message = {.msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes};
    ssize_t r;
    while ((r = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        ;
    if (r < 0)
        return error_set_errno(err, errno, "cannot receive a descriptor");
    size_t got = take_fds(&message, ret_fds, n);
    if (got == n)
        return 0;
    while (got > 0)
        close(ret_fds[--got]);
    return error_set(err, ERROR_UNAVAILABLE, "the peer sent no descriptor");
}

int fd_receive(int socket, int *ret_fd, Error *err) {
    int fd = -1;
    TRY(fd_receive_all(socket, &fd, 1, err));
    *ret_fd = fd;
    return 0;
}

pid_t fd_peer_pid(int socket) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ? 0 : peer.pid;
}

bool fd_peer_is_trusted(int socket) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    return peer.uid == 0 || peer.uid == geteuid();
}

const char *fd_path(int fd, char buffer[FD_PATH_SIZE]) {
    snprintf(buffer, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
    return buffer;
}

/* sun_path holds 107 bytes: a longer path name goes through a descriptor of its parent, which the
 * caller keeps open until bind or connect is done. */
static int socket_address(const char *path, struct sockaddr_un *ret, int *ret_parent, Error *err) {
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) < sizeof ret->sun_path) {
        memcpy(ret->sun_path, path, strlen(path) + 1);
        return 0;
    }
    autofree char *parent = path_parent(path);
    int fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open '%s'", parent);
    *ret_parent = fd;
    char prefix[FD_PATH_SIZE];
    autofree char *through = path_join(fd_path(fd, prefix), path_name(path));
    if (strlen(through) >= sizeof ret->sun_path)
        return error_set(err, ERROR_INVALID, "socket name '%s' is too long", path_name(path));
    memcpy(ret->sun_path, through, strlen(through) + 1);
    return 0;
}

static int connect_socket(const char *path, int type, int *ret_fd, Error *err) {
    struct sockaddr_un address;
    autoclose int parent = -1;
    TRY(socket_address(path, &address, &parent, err));
    autoclose int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return error_set_errno(err, errno, "cannot connect to '%s'", path);
    *ret_fd = take_fd(&fd);
    return 0;
}

int fd_connect(const char *path, int *ret_fd, Error *err) {
    return connect_socket(path, SOCK_STREAM, ret_fd, err);
}

int fd_connect_datagram(const char *path, int *ret_fd, Error *err) {
    return connect_socket(path, SOCK_DGRAM, ret_fd, err);
}

int fd_listen(const char *path, mode_t mode, int backlog, int *ret_fd, Error *err) {
    struct sockaddr_un address;
    autoclose int parent = -1;
    TRY(socket_address(path, &address, &parent, err));
    autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot make a socket");
    /* the new inode gets the socket's mode & ~umask (unix(7)), so it is never wider than asked */
    if (fchmod(fd, mode) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, backlog) < 0)
        return error_set_errno(err, errno, "cannot listen on '%s'", path);
    *ret_fd = take_fd(&fd);
    return 0;
}
