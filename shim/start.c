// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "shim/cgroup.h"
#include "shim/containerd/bootstrap.h"
#include "shim/group.h"
#include "shim/oom_score.h"
#include "shim/record.h"
#include "shim/self.h"
#include "shim/shim.h"

/* `start`: makes the socket, spawns the server with it and answers with the address; or finds the
 * shim of the container's group. The server exists with its socket when we return, so that the
 * caller may connect at once. */

/* Without -socket, in a directory that only we can enter, short names of our own: bundles of
 * containerd are too long for sun_path. */
static int make_directory(const Bootstrap *bootstrap, char **ret, Error *err) {
    const char *state = getenv("TARE_STATE");
    autofree char *directory = bootstrap->socket_directory
                                   ? text_copy(bootstrap->socket_directory)
                                   : path_join(text_is_empty(state) ? "/run/tare" : state, "s");
    TRY(file_make_dirs(directory, 0700, err));
    *ret = take_ptr(&directory);
    return 0;
}

static char *random_name(const char *directory) {
    char random[33];
    text_random_hex(random, 16);
    return path_join(directory, random);
}

/* A socket that nobody serves is left from a shim that was killed. */
static int listen_on(const char *path, int *ret_fd, Error *err) {
    int probe;
    if (fd_connect(path, &probe, err) >= 0) {
        close(probe);
        return error_set(err, ERROR_EXISTS, "another shim serves '%s'", path);
    }
    TRY(file_remove(AT_FDCWD, path, err));
    return fd_listen(path, 0600, SHIM_BACKLOG, ret_fd, err);
}

/* containerd reads a FIFO "log" in the bundle. Opened for both directions it neither waits for a
 * reader nor breaks without one. Others find the messages in "shim.log". */
static int open_log(int *ret_fd, Error *err) {
    struct stat status;
    if (stat("log", &status) == 0 && S_ISFIFO(status.st_mode))
        return file_open(AT_FDCWD, "log", O_RDWR | O_NONBLOCK, 0, ret_fd, err);
    return file_open(AT_FDCWD, "shim.log", O_WRONLY | O_APPEND | O_CREAT, 0600, ret_fd, err);
}

static int spawn_server(const ShimArguments *arguments, const Bootstrap *bootstrap, int listener,
    pid_t *ret_pid, Error *err) {
    autoclose int log = -1;
    TRY(open_log(&log, err));
    const char *argv[16];
    size_t n = 0;
    const char *const pairs[][2] = {{"-namespace", arguments->name_space}, {"-id", arguments->id},
        {"-address", bootstrap->address}, {"-publish-binary", bootstrap->publish_binary}};
    argv[n++] = self_path();
    for (size_t i = 0; i < array_size(pairs); i++)
        if (!text_is_empty(pairs[i][1])) {
            argv[n++] = pairs[i][0];
            argv[n++] = pairs[i][1];
        }
    if (bootstrap->debug)
        argv[n++] = "-debug";
    argv[n] = NULL;
    ProcessSpawn spawn = {.argv = argv,
        .fds = {-1, -1, log},
        .more_fds = &listener,
        .more_fds_n = 1,
        .new_session = true};
    return process_spawn(&spawn, ret_pid, err);
}

static int start_server(
    const ShimArguments *arguments, const Bootstrap *bootstrap, int listener, Error *err) {
    pid_t pid;
    Error problem = {};
    TRY(spawn_server(arguments, bootstrap, listener, &pid, err));
    int r = bootstrap->cgroup ? cgroup_enter(bootstrap->cgroup, pid, err) : 0;
    if (r < 0)
        kill(pid, SIGKILL);
    else if (oom_score_raise(pid, &problem) < 0)
        log_failure(LOG_LEVEL_WARNING, &problem);
    return r;
}

/* containerd 1.6 reads "address" when it comes back. */
static int save(const char *socket, const char *group, Error *err) {
    autofree char *bundle = path_absolute(".");
    autofree char *address = text_format("unix://%s", socket);
    const ShimRecord record = {.socket = (char *)socket, .group = (char *)group};
    TRY(shim_record_save(bundle, &record, err));
    return file_write(AT_FDCWD, "address", address, strlen(address), 0600, false, err);
}

static int start_at(const ShimArguments *arguments, const Bootstrap *bootstrap, const char *socket,
    const Group *group, Error *err) {
    autoclose int listener = -1;
    TRY(listen_on(socket, &listener, err));
    int r = save(socket, group->link, err);
    if (r >= 0)
        r = start_server(arguments, bootstrap, listener, err);
    if (r >= 0 && group->link)
        r = group_point(group, socket, err);
    if (r < 0) {
        Error ignored;
        file_remove(AT_FDCWD, socket, &ignored);
    }
    return r;
}

/* The socket of the group's shim, or of a new one. */
static int start_in(const ShimArguments *arguments, const Bootstrap *bootstrap, const Group *group,
    const char *directory, char **ret, Error *err) {
    autofree char *socket = group->link ? group_join(group) : NULL;
    if (socket) {
        TRY(save(socket, group->link, err));
    } else {
        socket = random_name(directory);
        TRY(start_at(arguments, bootstrap, socket, group, err));
    }
    *ret = take_ptr(&socket);
    return 0;
}

static int start_anywhere(
    const ShimArguments *arguments, const Bootstrap *bootstrap, char **ret, Error *err) {
    autofree char *directory = NULL;
    Group group = GROUP_NULL;
    TRY(make_directory(bootstrap, &directory, err));
    int r = group_open(&group, directory, err);
    if (r >= 0)
        r = start_in(arguments, bootstrap, &group, directory, ret, err);
    group_done(&group);
    return r;
}

/* The caller of -socket makes a shim for each container. */
static int start_here(
    const ShimArguments *arguments, const Bootstrap *bootstrap, char **ret, Error *err) {
    const Group none = GROUP_NULL;
    if (!path_is_absolute(arguments->socket))
        return error_set(
            err, ERROR_INVALID, "socket '%s' is not an absolute path", arguments->socket);
    TRY(start_at(arguments, bootstrap, arguments->socket, &none, err));
    *ret = text_copy(arguments->socket);
    return 0;
}

int shim_start(const ShimArguments *arguments, Error *err) {
    autodone(Bootstrap) bootstrap = {};
    autofree char *socket = NULL;
    TRY(bootstrap_read(arguments, &bootstrap, err));
    TRY((text_is_empty(arguments->socket) ? start_anywhere : start_here)(
        arguments, &bootstrap, &socket, err));
    return bootstrap_answer(&bootstrap, socket, err);
}
