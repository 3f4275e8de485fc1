// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* killat PROCESS SYSCALL VICTIM COMMAND…: runs COMMAND and, when its PROCESSth process (0 is
 * COMMAND itself, 1 its first child, …) is about to make its SYSCALLth system call, kills that
 * process (VICTIM "self") or COMMAND (VICTIM "first") by SIGKILL; everyone else is let go. Exits 0
 * when that came to pass, 3 when COMMAND ended before.
 *
 * killat count COMMAND…: prints how many system calls each process makes.
 *
 * A child that executes a program is a container's or a hook's and no longer of interest; COMMAND
 * executes itself anew. Its own exit status is on the last line: "status N". */

enum {
    PROCESSES_MAX = 64,
    NEVER_CAME = 3
};

typedef struct Process {
    pid_t pid;
    long calls;
    bool inside; /* of a system call */
    bool gone;
} Process;

static Process all[PROCESSES_MAX];
static int known;
static long want_call = -1;
static int want_process = -1;
static bool want_first, fired, over, started;

static Process *find(pid_t pid) {
    for (int i = 0; i < known; i++)
        if (all[i].pid == pid && !all[i].gone)
            return &all[i];
    if (known == PROCESSES_MAX)
        exit(125);
    all[known] = (Process){.pid = pid};
    return &all[known++];
}

static void let_go(Process *process) {
    (void)ptrace(PTRACE_DETACH, process->pid, NULL, NULL);
    process->gone = true;
}

static void stop_all(void) {
    for (int i = 0; i < known; i++)
        if (!all[i].gone)
            (void)ptrace(PTRACE_INTERRUPT, all[i].pid, NULL, NULL);
}

static void fire(Process *process) {
    fired = over = true;
    (void)kill(want_first ? all[0].pid : process->pid, SIGKILL);
    stop_all();
}

/* True when the process was let go. */
static bool handle_call(Process *process) {
    process->inside = !process->inside;
    if (!process->inside || !started)
        return false;
    if (process - all == want_process && process->calls == want_call) {
        fire(process);
        let_go(process);
        return true;
    }
    process->calls++;
    return false;
}

static void handle_stop(Process *process, int status) {
    int signal_number = WSTOPSIG(status), event = status >> 16;
    if (event == PTRACE_EVENT_EXEC) {
        started = true;
        if (process != all) {
            let_go(process);
            return;
        }
    }
    if (over) {
        let_go(process);
        return;
    }
    if (signal_number == (SIGTRAP | 0x80) && handle_call(process))
        return;
    bool ours = event || signal_number == (SIGTRAP | 0x80);
    (void)ptrace(PTRACE_SYSCALL, process->pid, NULL, ours ? 0 : (long)signal_number);
}

/* COMMAND's wait(2) status. */
static int watch(void) {
    int status, result = -1;
    pid_t pid;
    while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
        if (pid <= 0)
            continue;
        if (WIFSTOPPED(status)) {
            handle_stop(find(pid), status);
            continue;
        }
        if (over && pid != all[0].pid)
            continue;
        find(pid)->gone = true;
        if (pid == all[0].pid) { /* who is left waits for a `start` that is not ours */
            result = status;
            over = true;
            stop_all();
        }
    }
    return result;
}

static void start(char **command) {
    int gate[2];
    char byte;
    if (pipe(gate) < 0)
        exit(125);
    pid_t pid = fork();
    if (pid == 0) {
        close(gate[1]);
        (void)!read(gate[0], &byte, 1);
        close(gate[0]);
        /* a container that stays would hold our own standard output */
        int null = open("/dev/null", O_RDWR);
        for (int fd = 0; fd < 3; fd++)
            dup2(null, fd);
        close(null);
        execv(command[0], command);
        _exit(125);
    }
    find(pid);
    close(gate[0]);
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                   PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
    if (ptrace(PTRACE_SEIZE, pid, NULL, options) < 0 ||
        ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
        exit(125);
    close(gate[1]);
}

int main(int argc, char **argv) {
    bool count = argc > 2 && strcmp(argv[1], "count") == 0;
    if (!count && argc < 5)
        return 2;
    if (!count) {
        want_process = (int)strtol(argv[1], NULL, 10);
        want_call = strtol(argv[2], NULL, 10);
        want_first = strcmp(argv[3], "first") == 0;
    }
    start(argv + (count ? 2 : 4));
    int status = watch();
    for (int i = 0; count && i < known; i++)
        printf("%ld\n", all[i].calls);
    printf("status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return count || fired ? 0 : NEVER_CAME;
}
