// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "shim/record.h"
#include "shim/self.h"
#include "shim/shim.h"

/* `start`: makes the socket, spawns the server with it and prints the address. The server exists
 * with its socket when we return, so that the caller may connect at once. */

/* Clients that do not wait (a connect of theirs fails with EAGAIN) may come all at once while a
 * call is under way. */
enum {
    BACKLOG = 1024
};

/* Without -socket: a short name of our own (bundles of containerd are too long for sun_path), in a
 * directory that only we can enter. */
static int choose_socket(const ShimArguments *arguments, char **ret, Error *err) {
    char random[33];
    if (!text_is_empty(arguments->socket)) {
        if (!path_is_absolute(arguments->socket))
            return error_set(
                err, ERROR_INVALID, "socket '%s' is not an absolute path", arguments->socket);
        *ret = text_copy(arguments->socket);
        return 0;
    }
    const char *state = getenv("TARE_STATE");
    autofree char *directory = path_join(text_is_empty(state) ? "/run/tare" : state, "s");
    TRY(file_make_dirs(directory, 0700, err));
    text_random_hex(random, 16);
    *ret = path_join(directory, random);
    return 0;
}

/* A socket that nobody serves is left from a shim that was killed. */
static int listen_on(const char *path, int *ret_fd, Error *err) {
    int probe;
    if (fd_connect(path, &probe, err) >= 0) {
        close(probe);
        return error_set(err, ERROR_EXISTS, "another shim serves '%s'", path);
    }
    TRY(file_remove(AT_FDCWD, path, err));
    return fd_listen(path, 0600, BACKLOG, ret_fd, err);
}

/* containerd reads a FIFO "log" in the bundle. Opened for both directions it neither waits for a
 * reader nor breaks without one. Others find the messages in "shim.log". */
static int open_log(int *ret_fd, Error *err) {
    struct stat status;
    if (stat("log", &status) == 0 && S_ISFIFO(status.st_mode))
        return file_open(AT_FDCWD, "log", O_RDWR | O_NONBLOCK, 0, ret_fd, err);
    return file_open(AT_FDCWD, "shim.log", O_WRONLY | O_APPEND | O_CREAT, 0600, ret_fd, err);
}

static int spawn_server(const ShimArguments *arguments, int listener, Error *err) {
    autoclose int log = -1;
    pid_t pid;
    TRY(open_log(&log, err));
    const char *argv[16];
    size_t n = 0;
    const char *const pairs[][2] = {{"-namespace", arguments->name_space}, {"-id", arguments->id},
        {"-address", arguments->address}, {"-publish-binary", arguments->publish_binary}};
    argv[n++] = self_path();
    for (size_t i = 0; i < array_size(pairs); i++)
        if (!text_is_empty(pairs[i][1])) {
            argv[n++] = pairs[i][0];
            argv[n++] = pairs[i][1];
        }
    if (arguments->debug)
        argv[n++] = "-debug";
    argv[n] = NULL;
    ProcessSpawn spawn = {.argv = argv,
        .fds = {-1, -1, log},
        .more_fds = &listener,
        .more_fds_n = 1,
        .new_session = true};
    return process_spawn(&spawn, &pid, err);
}

int shim_start(const ShimArguments *arguments, Error *err) {
    autofree char *socket = NULL;
    autofree char *bundle = path_absolute(".");
    autoclose int listener = -1;
    TRY(choose_socket(arguments, &socket, err));
    TRY(listen_on(socket, &listener, err));
    autofree char *address = text_format("unix://%s", socket);
    ShimRecord record = {.socket = socket};
    int r = shim_record_save(bundle, &record, err);
    if (r >= 0) /* containerd 1.6 reads it when it comes back */
        r = file_write(AT_FDCWD, "address", address, strlen(address), 0600, false, err);
    if (r >= 0)
        r = spawn_server(arguments, listener, err);
    if (r < 0) {
        Error ignored;
        file_remove(AT_FDCWD, socket, &ignored);
        return r;
    }
    return fd_write_all(STDOUT_FILENO, address, strlen(address), err);
}
