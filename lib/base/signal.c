// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/process.h"

static const struct {
    int number;
    const char *name;
} names[] = {
    {SIGHUP, "SIGHUP"},
    {SIGINT, "SIGINT"},
    {SIGQUIT, "SIGQUIT"},
    {SIGILL, "SIGILL"},
    {SIGTRAP, "SIGTRAP"},
    {SIGABRT, "SIGABRT"},
    {SIGBUS, "SIGBUS"},
    {SIGFPE, "SIGFPE"},
    {SIGKILL, "SIGKILL"},
    {SIGUSR1, "SIGUSR1"},
    {SIGSEGV, "SIGSEGV"},
    {SIGUSR2, "SIGUSR2"},
    {SIGPIPE, "SIGPIPE"},
    {SIGALRM, "SIGALRM"},
    {SIGTERM, "SIGTERM"},
    {SIGSTKFLT, "SIGSTKFLT"},
    {SIGCHLD, "SIGCHLD"},
    {SIGCONT, "SIGCONT"},
    {SIGSTOP, "SIGSTOP"},
    {SIGTSTP, "SIGTSTP"},
    {SIGTTIN, "SIGTTIN"},
    {SIGTTOU, "SIGTTOU"},
    {SIGURG, "SIGURG"},
    {SIGXCPU, "SIGXCPU"},
    {SIGXFSZ, "SIGXFSZ"},
    {SIGVTALRM, "SIGVTALRM"},
    {SIGPROF, "SIGPROF"},
    {SIGWINCH, "SIGWINCH"},
    {SIGIO, "SIGIO"},
    {SIGPWR, "SIGPWR"},
    {SIGSYS, "SIGSYS"},
    {},
};

/* The kernel's numbers: 34 is glibc's SIGRTMIN, 64 SIGRTMAX on every architecture that we run on.
 */
enum {
    REAL_TIME_MIN = 34,
    REAL_TIME_MAX = 64
};

static bool parse_real_time(const char *name, int *ret) {
    int base, sign;
    if (strncasecmp(name, "RTMIN", 5) == 0)
        base = REAL_TIME_MIN, sign = 1;
    else if (strncasecmp(name, "RTMAX", 5) == 0)
        base = REAL_TIME_MAX, sign = -1;
    else
        return false;
    if (!name[5]) {
        *ret = base;
        return true;
    }
    char *end;
    long offset = strtol(name + 6, &end, 10);
    if (name[5] != (sign > 0 ? '+' : '-') || !name[6] || *end || offset < 0 ||
        offset > REAL_TIME_MAX - REAL_TIME_MIN)
        return false;
    *ret = base + sign * (int)offset;
    return true;
}

int signal_parse(const char *text, int *ret, Error *err) {
    char *end;
    long number = strtol(text, &end, 10);
    if (*text && !*end && number > 0 && number <= REAL_TIME_MAX) {
        *ret = (int)number;
        return 0;
    }
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    for (size_t i = 0; names[i].name; i++)
        if (strcasecmp(names[i].name + 3, name) == 0) {
            *ret = names[i].number;
            return 0;
        }
    if (parse_real_time(name, ret))
        return 0;
    return error_set(err, ERROR_INVALID, "invalid signal: %s", text);
}

const char *signal_name(int number) {
    for (size_t i = 0; names[i].name; i++)
        if (names[i].number == number)
            return names[i].name;
    return NULL;
}
