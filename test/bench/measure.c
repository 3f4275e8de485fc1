// SPDX-License-Identifier: Apache-2.0
/* measure ROUNDS -- NAME STEP [+ STEP]… [-- NAME …]: runs each contender's steps, in turns, ROUNDS
 * times and once before to warm caches. A step is a command, or "@reap": wait for a process that a
 * step left behind (a container's, whose runtime has ended). A line for each contender and round:
 * NAME, then microseconds by the clock, microseconds of processor time, and the largest process in
 * kB. Who fails is left out from then on. Small and static, because a new process inherits the size
 * of the one that started it (getrusage(2)). */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CONTENDERS_MAX = 16,
    STEPS_MAX = 8
};

typedef struct Contender {
    char *name;
    char **step[STEPS_MAX + 1]; /* NULL: the end */
    int failed;
} Contender;

typedef struct Sum {
    long processor, size;
} Sum;

static long clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int reap(pid_t pid, Sum *sum) {
    struct rusage used;
    int status;
    if (wait4(pid, &status, 0, &used) < 0)
        return 1;
    sum->processor += (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
                      used.ru_utime.tv_usec + used.ru_stime.tv_usec;
    sum->size = used.ru_maxrss > sum->size ? used.ru_maxrss : sum->size;
    return status;
}

static int run_step(char **words, Sum *sum) {
    if (strcmp(*words, "@reap") == 0)
        return reap(-1, sum);
    pid_t pid = vfork();
    if (pid == 0) {
        execvp(*words, words);
        _exit(127);
    }
    return pid < 0 ? 1 : reap(pid, sum);
}

static void run_contender(Contender *c, int counts) {
    Sum sum = {0, 0};
    long begin = clock_now();
    for (int i = 0; c->step[i] && !c->failed; i++)
        c->failed = run_step(c->step[i], &sum) ? i + 1 : 0;
    long took = clock_now() - begin;
    if (c->failed)
        fprintf(stderr, "left out: %s: step %d failed\n", c->name, c->failed);
    else if (counts)
        printf("%s\t%ld\t%ld\t%ld\n", c->name, took, sum.processor, sum.size);
}

static int parse(char **argv, Contender *ret) {
    int n = -1, steps = 0;
    for (int begins = 0; *argv; argv++) {
        if (strcmp(*argv, "--") == 0 || strcmp(*argv, "+") == 0) {
            int next = **argv == '-';
            *argv = NULL; /* the end of the words before it */
            if (next && (++n == CONTENDERS_MAX || !(ret[n].name = *++argv)))
                return -1;
            steps = next ? 0 : steps + 1;
            begins = 1;
        } else if (n < 0 || steps == STEPS_MAX) {
            return -1;
        } else if (begins) {
            ret[n].step[steps] = argv;
            begins = 0;
        }
    }
    return n + 1;
}

int main(int argc, char **argv) {
    static Contender contenders[CONTENDERS_MAX];
    int rounds = argc > 1 ? atoi(argv[1]) : 0;
    int n = rounds > 0 ? parse(argv + 2, contenders) : -1;
    if (n <= 0)
        return 2;
    int null = open("/dev/null", O_RDWR), out = fcntl(1, F_DUPFD_CLOEXEC, 3);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (null < 0 || !(stdout = fdopen(out, "w")) || dup2(null, 0) < 0 || dup2(null, 1) < 0)
        return 1;
    close(null);
    for (int round = 0; round <= rounds; round++)
        for (int i = 0; i < n; i++)
            if (!contenders[i].failed)
                run_contender(&contenders[i], round > 0);
    return 0;
}
