// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/pidfd.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

int pidfd_connect(const char *path, int *ret_socket, Error *err) {
    *ret_socket = -1;
    if (path && fd_connect(path, ret_socket, err) < 0)
        return error_prefix(err, "--pidfd-socket");
    return 0;
}

int pidfd_send(int socket, pid_t pid, const char *kind, Error *err) {
    if (socket < 0)
        return 0;
    autoclose int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open a descriptor of process %d", pid);
    return fd_send_with(socket, &fd, 1, kind, err);
}
