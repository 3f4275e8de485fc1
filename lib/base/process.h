// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/text.h"

/* Child processes by posix_spawn(3): a threaded process never runs code of ours between fork and
 * exec. Signal mask and dispositions are reset in the child. */
typedef struct ProcessSpawn {
    const char *const *argv;    /* NULL-terminated; argv[0] holds a slash, no PATH search */
    const char *const *environ; /* NULL: the parent's */
    const char *directory;      /* NULL: the parent's */
    int fds[3];                 /* become 0, 1, 2; -1: /dev/null */
    const int *more_fds;        /* become 3, 4, … */
    size_t more_fds_n;
    bool new_session;
    const char *path; /* the program, where argv[0] is only its name; NULL: argv[0] */
} ProcessSpawn;

#define PROCESS_SPAWN_INIT                                                                         \
    {                                                                                              \
        .fds = { -1, -1, -1 }                                                                      \
    }

/* The caller reaps *ret_pid. ERROR_NOT_FOUND: no such program. */
int process_spawn(const ProcessSpawn *spawn, pid_t *ret_pid, Error *err);

/* One of our programs: beside this executable, then in ../libexec/tare, then in $PATH. New string;
 * ERROR_NOT_FOUND. */
int process_find_program(const char *name, char **ret, Error *err);
#define PROCESS_ORIGINAL_ENVIRONMENT "TARE_EXECUTABLE" /* the path of what a copy was made from */

/* A program's file, by a read-only mount that is nowhere: what it runs, and what opens it through
 * /proc/PID/exe, can neither write to it nor change the mount. -1: not with our privileges. */
int program_open_readonly(const char *path);

/* waitpid(2) status; exit code as a shell has it (128 + signal). timeout in ns, -1 for ever;
 * ERROR_TIMEOUT leaves the child alone. */
int process_wait(pid_t pid, int64_t timeout, int *ret_status, Error *err);
int process_exit_code(int status);

/* Spawns, collects at most `limit` bytes of standard output, waits; kills the child at the timeout.
 * spawn->fds[1] is ignored. */
int process_run(const ProcessSpawn *spawn, size_t limit, int64_t timeout, Text *ret_output,
    int *ret_status, Error *err);

/* Start time in clock ticks since boot (proc_pid_stat(5) field 22): with the pid, an identity. */
int process_start_time(pid_t pid, uint64_t *ret, Error *err);

/* Whether the process of this identity lives. A zombie is as dead as a reaped process: its parent
 * may take its time. */
bool process_is_alive(pid_t pid, uint64_t start_time);

/* Signal names as kill(1): "KILL", "SIGKILL", "9", "RTMIN+3". ERROR_INVALID. */
int signal_parse(const char *text, int *ret, Error *err);
const char *signal_name(int number); /* "SIGKILL", or NULL */
