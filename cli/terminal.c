// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

static struct termios saved;
static volatile sig_atomic_t raw_fd = -1;

bool terminal_is(int fd) {
    return isatty(fd) == 1;
}

void terminal_restore(void) {
    int fd = raw_fd;
    raw_fd = -1;
    if (fd >= 0)
        tcsetattr(fd, TCSADRAIN, &saved);
}

static void restore_and_die(int signal_number) {
    terminal_restore();
    raise(signal_number); // SA_RESETHAND: now with the default action
}

/* Signals that the relay takes are blocked while it runs; these handlers are for all the rest. */
static void catch_fatal_signals(void) {
    static const int signals[] = {
        SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    struct sigaction action = {.sa_handler = restore_and_die, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < array_size(signals); i++)
        sigaction(signals[i], &action, NULL);
}

int terminal_set_raw(int fd, Error *err) {
    if (!terminal_is(fd) || raw_fd >= 0)
        return 0;
    if (tcgetattr(fd, &saved) < 0)
        return error_set_errno(err, errno, "cannot read the terminal's settings");
    static bool registered;
    if (!registered && atexit(terminal_restore) == 0)
        registered = true;
    catch_fatal_signals();
    struct termios raw = saved;
    cfmakeraw(&raw);
    raw_fd = fd;
    if (tcsetattr(fd, TCSADRAIN, &raw) < 0) {
        raw_fd = -1;
        return error_set_errno(err, errno, "cannot set the terminal to raw mode");
    }
    return 0;
}

TerminalSize terminal_size(int fd) {
    struct winsize size = {};
    if (ioctl(fd, TIOCGWINSZ, &size) < 0)
        return (TerminalSize){};
    return (TerminalSize){size.ws_row, size.ws_col};
}

int terminal_ask(const char *question, bool echo, char **ret, Error *err) {
    char line[4096] = "";
    struct termios mode;
    bool hidden = !echo && tcgetattr(STDIN_FILENO, &mode) == 0;
    if (hidden) {
        saved = mode;
        catch_fatal_signals();
        mode.c_lflag &= ~(tcflag_t)ECHO;
        raw_fd = STDIN_FILENO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &mode);
    }
    fputs(question, stderr); // only now: who answers at once is neither shown nor lost
    bool got = fgets(line, sizeof line, stdin);
    if (hidden) {
        terminal_restore();
        fputc('\n', stderr);
    }
    if (!got)
        return error_set(err, ERROR_CANCELLED, "nothing was entered");
    line[strcspn(line, "\r\n")] = '\0';
    *ret = text_copy(line);
    explicit_bzero(line, sizeof line);
    return 0;
}
