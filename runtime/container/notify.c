// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"

#define NOTIFY_DIRECTORY "notify"
#define NOTIFY_SOCKET_NAME "notify.sock"
#define NOTIFY_TARGET "/run/notify"

enum {
    DATAGRAM_MAX = 4096,
    BARRIER_TIMEOUT_MS = 30000,
};

static const char *host_socket(void) {
    const char *path = getenv("NOTIFY_SOCKET");
    return text_is_empty(path) ? NULL : path;
}

bool notify_is_wanted(void) {
    return host_socket();
}

int notify_set_up(const Container *container, OciSpec *spec, Error *err) {
    static const char *const options[] = {"bind", "nosuid", "noexec", "nodev", "ro"};
    if (!notify_is_wanted())
        return 0;
    if (mkdirat(container->dir, NOTIFY_DIRECTORY, 0755) < 0)
        return error_set_errno(err, errno, "cannot make the directory of the notify socket");
    OciMount *mount = json_objects_add(&spec->mounts, &oci_mount_type);
    mount->destination = text_copy(NOTIFY_TARGET);
    mount->source = container_path(container, NOTIFY_DIRECTORY);
    for (size_t i = 0; i < array_size(options); i++)
        json_texts_add(&mount->options, options[i]);
    json_texts_add(&spec->process->env, "NOTIFY_SOCKET=" NOTIFY_TARGET "/" NOTIFY_SOCKET_NAME);
    return 0;
}

/* Paths of unix sockets are short; through a descriptor any directory can be reached. */
static struct sockaddr_un address_in(int directory) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" NOTIFY_SOCKET_NAME,
        directory);
    return address;
}

int notify_listen(const Container *container, int *ret_fd, Error *err) {
    autoclose int directory = -1, fd = -1;
    *ret_fd = -1;
    if (!notify_is_wanted())
        return 0;
    int r = file_open(
        container->dir, NOTIFY_DIRECTORY, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, &directory, err);
    if (r < 0)
        return r == ERROR_NOT_FOUND ? 0 : r;
    struct sockaddr_un address = address_in(directory);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        fchmodat(directory, NOTIFY_SOCKET_NAME, 0777, 0) < 0)
        return error_set_errno(err, errno, "cannot make the notify socket");
    *ret_fd = take_fd(&fd);
    return 0;
}

/* sd_notify(3): a path, or "@name" in the abstract namespace. */
static int connect_manager(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = host_socket();
    size_t n = path ? strlen(path) : 0;
    if (!n || n >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, path, n);
    if (*path == '@')
        *address.sun_path = '\0';
    autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) < 0)
        return -1;
    return take_fd(&fd);
}

/* BARRIER=1: the manager closes the descriptor once it has read all that came before, so that it
 * does not look for a process that is gone (sd_notify_barrier(3)). */
static void wait_for_manager(int manager) {
    Error err;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    autoclose int read_end = ends[0];
    int r = fd_send_with(manager, &ends[1], 1, "BARRIER=1", &err);
    close(ends[1]);
    struct pollfd wait = {.fd = read_end, .events = POLLIN};
    if (r >= 0 && poll(&wait, 1, BARRIER_TIMEOUT_MS) == 0)
        log_warning("the service manager did not answer at $NOTIFY_SOCKET for 30 seconds");
}

static void tell_manager(const char *ready, pid_t main_pid) {
    char line[64];
    autoclose int manager = connect_manager();
    if (manager < 0) {
        log_warning(
            "cannot reach the service manager at $NOTIFY_SOCKET: %s", strerrordesc_np(errno));
        return;
    }
    snprintf(line, sizeof line, "MAINPID=%d\n", main_pid);
    (void)!send(manager, ready, strlen(ready), MSG_NOSIGNAL);
    (void)!send(manager, line, strlen(line), MSG_NOSIGNAL);
    wait_for_manager(manager);
}

/* Only READY= is passed on: what else a container says (MAINPID=, FDSTORE=1) is about its own
 * world. */
bool notify_take(int fd, pid_t main_pid) {
    char bytes[DATAGRAM_MAX + 1];
    ssize_t n = recv(fd, bytes, DATAGRAM_MAX, MSG_DONTWAIT);
    bytes[n > 0 ? n : 0] = '\0';
    char *rest = bytes;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (!text_starts(line, "READY="))
            continue;
        autofree char *ready = text_format("%s\n", line);
        tell_manager(ready, main_pid);
        return true;
    }
    return false;
}

void notify_wait(int fd, pid_t pid) {
    autoclose int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd wait[] = {{.fd = fd, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
    while (pidfd >= 0 && (poll(wait, 2, -1) > 0 || errno == EINTR)) {
        if (wait[0].revents && notify_take(fd, pid))
            return;
        if (!wait[0].revents && wait[1].revents)
            return;
    }
}
