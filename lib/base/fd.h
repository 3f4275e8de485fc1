// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/text.h"

/* Reading, writing and passing descriptors. All descriptors are O_CLOEXEC from birth. */

/* Whole buffers; EINTR and short writes are handled. Blocking descriptors only. */
int fd_write_all(int fd, const void *data, size_t n, Error *err);

/* Until end of file. More than `limit` bytes is ERROR_EXHAUSTED. */
int fd_read_all(int fd, size_t limit, Text *ret, Error *err);

/* Exactly n bytes; ERROR_UNAVAILABLE at an early end of file. */
int fd_read_exactly(int fd, void *ret, size_t n, Error *err);

/* Closes all from `first` on but those in keep, which is sorted; -1 there is nothing. */
int fd_close_others(int first, int *keep, size_t n, Error *err);

int fd_set_cloexec(int fd, bool on, Error *err);
int fd_set_nonblocking(int fd, bool on, Error *err);

/* SCM_RIGHTS over a unix socket, with at least one byte of data: "f", or a text that the peer's
 * protocol wants; as many at once as unix(7) allows. */
enum {
    FD_SEND_MAX = 253
};
int fd_send(int socket, const int *fds, size_t n, Error *err);
int fd_send_with(int socket, const int *fds, size_t n, const char *text, Error *err);
int fd_receive(int socket, int *ret_fd, Error *err);
int fd_receive_all(int socket, int *ret_fds, size_t n, Error *err); /* exactly n in one message */

/* Whether a unix socket's peer runs as root or as our own user: the mode of a socket's file is one
 * lock, this is the second (rule I). */
bool fd_peer_is_trusted(int socket);

/* The process at the other end, or who has listened; 0: not known. */
pid_t fd_peer_pid(int socket);

/* "/proc/self/fd/N", for the few calls that have no descriptor form. */
#define FD_PATH_SIZE 32
const char *fd_path(int fd, char buffer[FD_PATH_SIZE]);

/* Unix sockets by path name, of streams but where it says datagrams; a path too long for sun_path
 * is reached through its parent's descriptor. fd_listen makes the socket with `mode` without a
 * window in which it is wider. */
int fd_connect(const char *path, int *ret_fd, Error *err);
int fd_connect_datagram(const char *path, int *ret_fd, Error *err);
int fd_listen(const char *path, mode_t mode, int backlog, int *ret_fd, Error *err);
