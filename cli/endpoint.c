// SPDX-License-Identifier: Apache-2.0
#include "cli/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"

#define STATE_DEFAULT "/run/tare"
#define LOG_NAME "tared.log"

enum {
    LOG_TAIL = 4096
};
static const int64_t start_timeout = 60 * TIME_SECOND; /* frozen shims may take ten */
static const int64_t exited_grace = 2 * TIME_SECOND;   /* another client's engine may come up */

int endpoint_find(const char *host, Endpoint *ret, Error *err) {
    if (!host || !*host)
        host = getenv("TARE_HOST");
    if (host && *host) {
        if (!text_starts(host, "unix://") && !text_starts(host, "tcp://") && strstr(host, "://"))
            return error_set(
                err, ERROR_INVALID, "unable to parse host '%s': expected unix:// or tcp://", host);
        const char *scheme = strstr(host, "://") ? "" : *host == '/' ? "unix://" : "tcp://";
        *ret = (Endpoint){.host = text_format("%s%s", scheme, host)};
        return 0;
    }
    const char *state = getenv("TARE_STATE");
    *ret = (Endpoint){.state = path_absolute(text_is_empty(state) ? STATE_DEFAULT : state)};
    ret->host = text_format("unix://%s/tared.sock", ret->state);
    return 0;
}

void endpoint_done(Endpoint *endpoint) {
    free(endpoint->host);
    free(endpoint->state);
    *endpoint = (Endpoint){};
}

/* Numeric addresses only: the engine's TCP socket is for this machine and for tunnels, and a
 * statically linked program has no name service. */
static int connect_tcp(const char *address, int *ret_fd, Error *err) {
    const char *colon = strrchr(address, ':');
    int64_t port = 0;
    if (!colon)
        return error_set(err, ERROR_INVALID, "host 'tcp://%s' has no port", address);
    TRY(text_parse_int(colon + 1, "port", &port, err));
    if (port < 1 || port > 65535)
        return error_set(err, ERROR_INVALID, "host 'tcp://%s': invalid port", address);
    autofree char *name = text_copy_n(address, (size_t)(colon - address));
    const char *ip = text_equal(name, "localhost") || !*name ? "127.0.0.1" : name;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, ip, &to.sin_addr) != 1)
        return error_set(
            err, ERROR_INVALID, "host 'tcp://%s': expected a numeric IPv4 address", address);
    autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        return error_set_errno(err, errno, "cannot connect to '%s'", address);
    *ret_fd = take_fd(&fd);
    return 0;
}

static int connect_once(const Endpoint *endpoint, int *ret_fd, Error *err) {
    autoclose int fd = -1;
    if (text_starts(endpoint->host, "tcp://"))
        TRY(connect_tcp(endpoint->host + strlen("tcp://"), &fd, err));
    else
        TRY(fd_connect(endpoint->host + strlen("unix://"), &fd, err));
    TRY(fd_set_nonblocking(fd, true, err));
    *ret_fd = take_fd(&fd);
    return 0;
}

static bool is_nobody_there(const Error *err) {
    return err->sys == ENOENT || err->sys == ECONNREFUSED;
}

static int spawn_engine(const Endpoint *endpoint, pid_t *ret_pid, Error *err) {
    autofree char *program = NULL;
    TRY(process_find_program("tared", &program, err));
    TRY(file_make_dirs(endpoint->state, 0700, err));
    autofree char *log = path_join(endpoint->state, LOG_NAME);
    autoclose int fd = -1;
    TRY(file_open(
        AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NOCTTY, 0600, &fd, err));
    const char *argv[] = {program, "--state", endpoint->state, NULL};
    ProcessSpawn spawn = {.argv = argv, .directory = "/", .fds = {-1, fd, fd}, .new_session = true};
    return process_spawn(&spawn, ret_pid, err);
}

/* Appends the last line of the engine's log to the message. */
static int add_last_words(const Endpoint *endpoint, Error *err) {
    autofree char *log = path_join(endpoint->state, LOG_NAME);
    autoclose int fd = -1;
    Error ignored = {};
    file_open(AT_FDCWD, log, O_RDONLY | O_NOFOLLOW, 0, &fd, &ignored);
    char tail[LOG_TAIL + 1];
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    ssize_t n = fd < 0 ? 0 : pread(fd, tail, LOG_TAIL, size > LOG_TAIL ? size - LOG_TAIL : 0);
    while (n > 0 && tail[n - 1] == '\n')
        n--;
    if (n <= 0)
        return error_set(
            err, ERROR_UNAVAILABLE, "cannot start the engine: it wrote no reason to %s", log);
    tail[n] = 0;
    const char *line = strrchr(tail, '\n');
    return error_set(err, ERROR_UNAVAILABLE, "cannot start the engine: %s (see %s)",
        line ? line + 1 : tail, log);
}

static int start_engine(const Endpoint *endpoint, int *ret_fd, Error *err) {
    pid_t pid = -1;
    if (spawn_engine(endpoint, &pid, err) < 0)
        return error_prefix(err, "cannot start the engine");
    int64_t deadline = time_monotonic() + start_timeout;
    for (int64_t pause = TIME_MILLISECOND; time_monotonic() < deadline; time_sleep(pause)) {
        Error ignored = {};
        if (connect_once(endpoint, ret_fd, &ignored) >= 0)
            return 0;
        if (!is_nobody_there(&ignored)) {
            *err = ignored;
            return err->code;
        }
        if (pid > 0 && waitpid(pid, NULL, WNOHANG) == pid) {
            pid = -1;
            deadline = time_monotonic() + exited_grace;
        }
        if (pause < 50 * TIME_MILLISECOND)
            pause += pause / 2;
    }
    return add_last_words(endpoint, err);
}

int endpoint_connect(const Endpoint *endpoint, int *ret_fd, Error *err) {
    int result = connect_once(endpoint, ret_fd, err);
    if (result >= 0 || err->code == ERROR_INVALID)
        return result;
    if (endpoint->state && is_nobody_there(err))
        return start_engine(endpoint, ret_fd, err);
    if (is_nobody_there(err))
        return error_set(err, ERROR_UNAVAILABLE,
            "cannot connect to the engine at %s: is tared running?", endpoint->host);
    Error cause = *err;
    if (cause.sys)
        return error_set_errno(
            err, cause.sys, "cannot connect to the engine at %s", endpoint->host);
    return error_prefix(err, "cannot connect to the engine at %s", endpoint->host);
}
