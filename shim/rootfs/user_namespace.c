// SPDX-License-Identifier: Apache-2.0
#include "shim/rootfs/user_namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "shim/self.h"

static const int64_t timeout = 10 * TIME_SECOND;

int shim_user_namespace(const ShimArguments *arguments, Error *err) {
    char byte = 'u';
    if (unshare(CLONE_NEWUSER) < 0)
        return error_set_errno(err, errno, "cannot make a user namespace");
    TRY(fd_write_all(STDOUT_FILENO, &byte, 1, err));
    while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR)
        ;
    return 0;
}

/* user_namespaces(7): one line for each range. */
static int write_map(pid_t pid, const char *file, const char *map, Error *err) {
    autofree char *path = text_format("/proc/%d/%s", (int)pid, file), *lines = text_copy(map);
    for (char *at = lines; *at; at++)
        *at = *at == ':' ? ' ' : *at == ',' ? '\n' : *at;
    if (strspn(map, "0123456789:,") != strlen(map))
        return error_set(err, ERROR_INVALID, "'%.100s' is not a mapping of ids", map);
    return file_write_kernel(AT_FDCWD, path, lines, err);
}

static int open_of(pid_t pid, const char *uid_map, const char *gid_map, int *ret_fd, Error *err) {
    autofree char *path = text_format("/proc/%d/ns/user", (int)pid);
    TRY(write_map(pid, "uid_map", uid_map, err));
    TRY(write_map(pid, "gid_map", gid_map, err));
    return file_open(AT_FDCWD, path, O_RDONLY, 0, ret_fd, err);
}

static int spawn(int ret_pipe[2], pid_t *ret_pid, Error *err) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    autoclose int in_reader = in[0], in_writer = in[1];
    if (pipe2(out, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    autoclose int out_reader = out[0], out_writer = out[1];
    const char *const argv[] = {self_path(), "-namespace", "-", SHIM_USER_NAMESPACE, NULL};
    const ProcessSpawn child = {.argv = argv, .fds = {in_reader, out_writer, STDERR_FILENO}};
    TRY(process_spawn(&child, ret_pid, err));
    ret_pipe[0] = take_fd(&out_reader);
    ret_pipe[1] = take_fd(&in_writer);
    return 0;
}

int user_namespace_open(const char *uid_map, const char *gid_map, int *ret_fd, Error *err) {
    int ends[2], status;
    pid_t pid;
    char byte;
    Error ignored;
    TRY(spawn(ends, &pid, err));
    int r = fd_read_exactly(ends[0], &byte, 1, err);
    if (r >= 0)
        r = open_of(pid, uid_map, gid_map, ret_fd, err);
    close(ends[0]);
    close(ends[1]);
    process_wait(pid, timeout, &status, &ignored);
    return r < 0 ? error_prefix(err, "cannot make a user namespace for the rootfs") : 0;
}
