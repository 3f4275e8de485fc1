// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/time.h"

extern char **environ;

/* dup2 in the child clears O_CLOEXEC, except onto itself: a source that already has a low number is
 * first copied above all targets, so that no target overwrites a later source. */
static int raise_fd(int fd, int floor, int *ret_copy, Error *err) {
    *ret_copy = fcntl(fd, F_DUPFD_CLOEXEC, floor);
    return *ret_copy < 0 ? error_set_errno(err, errno, "cannot copy descriptor %d", fd) : 0;
}

static void close_all(int *fds, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(fds);
}

static int add_fds(const ProcessSpawn *spawn, posix_spawn_file_actions_t *actions, int *copies,
    size_t n, Error *err) {
    for (size_t i = 0; i < n; i++) {
        int fd = i < 3 ? spawn->fds[i] : spawn->more_fds[i - 3];
        if (fd < 0) {
            posix_spawn_file_actions_addopen(actions, (int)i, "/dev/null", O_RDWR, 0);
            continue;
        }
        TRY(raise_fd(fd, (int)n, &copies[i], err));
        posix_spawn_file_actions_adddup2(actions, copies[i], (int)i);
    }
    return 0;
}

static void reset_signals(posix_spawnattr_t *attributes, bool new_session) {
    sigset_t set;
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigemptyset(&set);
    posix_spawnattr_setsigmask(attributes, &set);
    sigfillset(&set);
    posix_spawnattr_setsigdefault(attributes, &set);
    posix_spawnattr_setflags(attributes, new_session ? (short)(flags | POSIX_SPAWN_SETSID) : flags);
}

int process_spawn(const ProcessSpawn *spawn, pid_t *ret_pid, Error *err) {
    size_t n = 3 + spawn->more_fds_n;
    int *copies = new_array(int, n);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    const char *program = spawn->path ? spawn->path : spawn->argv[0];
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (size_t i = 0; i < n; i++)
        copies[i] = -1;
    reset_signals(&attributes, spawn->new_session);
    int r = add_fds(spawn, &actions, copies, n, err);
    if (r >= 0 && spawn->directory)
        posix_spawn_file_actions_addchdir_np(&actions, spawn->directory);
    if (r >= 0) {
        char *const *env = spawn->environ ? (char *const *)spawn->environ : environ;
        int sys =
            posix_spawn(ret_pid, program, &actions, &attributes, (char *const *)spawn->argv, env);
        if (sys)
            r = error_set_errno(err, sys, "cannot run '%s'", program);
    }
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close_all(copies, n);
    return r;
}

static int reap(pid_t pid, int *ret_status, Error *err) {
    while (waitpid(pid, ret_status, 0) < 0)
        if (errno != EINTR)
            return error_set_errno(err, errno, "cannot wait for process %d", (int)pid);
    return 0;
}

int process_wait(pid_t pid, int64_t timeout, int *ret_status, Error *err) {
    if (timeout < 0)
        return reap(pid, ret_status, err);
    autoclose int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot wait for process %d", (int)pid);
    int64_t deadline = time_monotonic() + timeout;
    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - time_monotonic();
        int ready = poll(
            &poll_fd, 1, left > 0 ? (int)((left + TIME_MILLISECOND - 1) / TIME_MILLISECOND) : 0);
        if (ready > 0)
            return reap(pid, ret_status, err);
        if (ready == 0)
            return error_set(err, ERROR_TIMEOUT, "process %d did not end in time", (int)pid);
        if (errno != EINTR)
            return error_set_errno(err, errno, "cannot wait for process %d", (int)pid);
    }
}

int process_exit_code(int status) {
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Reads until end of file, the limit or the deadline. */
static int collect(int fd, size_t limit, int64_t deadline, Text *ret, Error *err) {
    text_append(ret, "");
    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - time_monotonic();
        int ready = poll(&poll_fd, 1, left > 0 ? (int)(left / TIME_MILLISECOND + 1) : 0);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0)
            return error_set(err, ERROR_TIMEOUT, "no answer in time");
        text_reserve(ret, 4096);
        ssize_t n = read(fd, ret->data + ret->length, ret->capacity - ret->length - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? error_set_errno(err, errno, "cannot read") : 0;
        ret->length += (size_t)n;
        ret->data[ret->length] = '\0';
        if (ret->length > limit)
            return error_set(err, ERROR_EXHAUSTED, "answered more than %zu bytes", limit);
    }
}

int process_run(const ProcessSpawn *spawn, size_t limit, int64_t timeout, Text *ret_output,
    int *ret_status, Error *err) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    autoclose int reader = ends[0];
    ProcessSpawn with_pipe = *spawn;
    with_pipe.fds[1] = ends[1];
    pid_t pid;
    int r = process_spawn(&with_pipe, &pid, err);
    close(ends[1]);
    TRY(r);
    int64_t deadline = time_monotonic() + timeout;
    Error ignored;
    r = collect(reader, limit, deadline, ret_output, err);
    if (r >= 0) {
        int64_t left = deadline - time_monotonic();
        r = process_wait(pid, left > 0 ? left : 0, ret_status, err);
    }
    if (r < 0) {
        kill(pid, SIGKILL);
        reap(pid, ret_status, &ignored);
        return error_prefix(err, "'%s'", spawn->argv[0]);
    }
    return 0;
}

static int read_stat(pid_t pid, char *ret_state, uint64_t *ret_start, Error *err) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    autodone(Text) stat = {};
    TRY(file_read(AT_FDCWD, path, 4096, &stat, err));
    /* field 2, the command, may hold anything: count from the last ')' */
    const char *command = strrchr(stat.data, ')'), *p = command;
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    if (!p || sscanf(p, " %lu", ret_start) != 1)
        return error_set(err, ERROR_CORRUPT, "cannot read '%s': unexpected form", path);
    *ret_state = command[2];
    return 0;
}

int process_start_time(pid_t pid, uint64_t *ret, Error *err) {
    char state;
    return read_stat(pid, &state, ret, err);
}

bool process_is_alive(pid_t pid, uint64_t start_time) {
    Error ignored;
    uint64_t start;
    char state;
    return pid > 0 && read_stat(pid, &state, &start, &ignored) >= 0 && start == start_time &&
           state != 'Z' && state != 'X';
}
