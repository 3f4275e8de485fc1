// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <dirent.h>
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

/* killtree PROGRAMS CALL PID…: attaches to these processes, follows their children, and prints
 * "ready". When a process of the first of PROGRAMS (names of executables, separated by commas) is
 * about to make its CALLth system call (0 is the first; counted over all processes and threads of
 * that program together), every process of PROGRAMS is killed by SIGKILL and everyone else is let
 * go. CALL -1 kills nobody. SIGTERM ends it, too.
 *
 * The last line says "killed at CALL of PROGRAM, system call NUMBER", or "counted CALLS".
 *
 * Only programs of ours are followed: who executes something else is a container's. */

enum {
    THREADS_MAX = 512,
    VICTIMS_MAX = 4,
    STRANGER = -2, /* not one of ours */
    UNNAMED = -1   /* one of ours that is not to be killed */
};

typedef struct Thread {
    pid_t id;
    int program; /* index of victims, or one of the above */
} Thread;

static Thread threads[THREADS_MAX];
static int threads_n;
static const char *victims[VICTIMS_MAX];
static int victims_n;
static long want, counted;

/* The name of its executable; a program of ours that runs from a mount of its own, which is nowhere
 * and has no names, is known by its first argument. */
static void name_of(pid_t id, char *name, size_t size) {
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)id);
    ssize_t n = readlink(path, text, sizeof text - 1);
    if (n == 1 && *text == '/') {
        snprintf(path, sizeof path, "/proc/%d/cmdline", (int)id);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
        if (fd >= 0)
            close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    const char *slash = strrchr(text, '/');
    snprintf(name, size, "%s", slash ? slash + 1 : text);
}

static int program_of(pid_t id) {
    char name[256];
    name_of(id, name, sizeof name);
    for (int i = 0; i < victims_n; i++)
        if (strstr(name, victims[i])) /* the runtime may run as "memfd:tare-runtime (deleted)" */
            return i;
    return strstr(name, "tare") ? UNNAMED : STRANGER;
}

static Thread *find(pid_t id) {
    for (int i = 0; i < threads_n; i++)
        if (threads[i].id == id)
            return &threads[i];
    if (threads_n == THREADS_MAX)
        exit(125);
    threads[threads_n] = (Thread){id, program_of(id)};
    return &threads[threads_n++];
}

static void forget(pid_t id) {
    *find(id) = threads[threads_n - 1];
    threads_n--;
}

static void attach_thread(pid_t id) {
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                   PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
    if (ptrace(PTRACE_SEIZE, id, NULL, options) == 0) {
        Thread *thread = find(id);
        if (thread->program == STRANGER) /* it is about to execute one of ours */
            thread->program = UNNAMED;
        (void)ptrace(PTRACE_INTERRUPT, id, NULL, NULL);
    }
}

/* Until a look at the list of threads shows none that is new: they make each other meanwhile. One
 * that has just ended is fine. */
static void attach_process(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    for (int before = -1; before != threads_n;) {
        before = threads_n;
        DIR *stream = opendir(path);
        if (!stream)
            return;
        for (struct dirent *entry; (entry = readdir(stream));)
            if (isdigit((unsigned char)*entry->d_name))
                attach_thread((pid_t)strtol(entry->d_name, NULL, 10));
        closedir(stream);
    }
}

/* Whoever is still stopped goes on when its tracer has ended (ptrace(2)). */
static void fire(long number) {
    for (int i = 0; i < threads_n; i++)
        if (threads[i].program >= 0)
            kill(threads[i].id, SIGKILL);
    printf("killed at %ld of %s, system call %ld\n", counted, victims[0], number);
    exit(0);
}

static void handle_call(const Thread *thread) {
    struct __ptrace_syscall_info info = {0};
    if (thread->program != 0 ||
        ptrace(PTRACE_GET_SYSCALL_INFO, thread->id, sizeof info, &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    if (counted == want)
        fire((long)info.entry.nr);
    counted++;
}

static void handle_stop(Thread *thread, int status) {
    int number = WSTOPSIG(status), event = status >> 16;
    bool call = number == (SIGTRAP | 0x80);
    if (event == PTRACE_EVENT_EXEC)
        thread->program = program_of(thread->id);
    if (thread->program == STRANGER) {
        pid_t id = thread->id;
        forget(id);
        (void)ptrace(PTRACE_DETACH, id, NULL, call || event ? 0 : (long)number);
        return;
    }
    if (call)
        handle_call(thread);
    int how = thread->program == 0 ? PTRACE_SYSCALL : PTRACE_CONT;
    (void)ptrace(how, thread->id, NULL, call || event ? 0 : (long)number);
}

static void handle_all(void) {
    int status;
    pid_t id;
    while ((id = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
        if (WIFSTOPPED(status))
            handle_stop(find(id), status);
        else
            forget(id);
    }
}

int main(int argc, char **argv) {
    sigset_t set;
    if (argc < 4)
        return 2;
    for (char *name = strtok(argv[1], ","); name && victims_n < VICTIMS_MAX;
         name = strtok(NULL, ","))
        victims[victims_n++] = name;
    want = strtol(argv[2], NULL, 10);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 3; i < argc; i++)
        attach_process((pid_t)strtol(argv[i], NULL, 10));
    puts("ready");
    fflush(stdout);
    do
        handle_all();
    while (sigwaitinfo(&set, NULL) != SIGTERM);
    printf("counted %ld\n", counted);
    return 0;
}
