// SPDX-License-Identifier: Apache-2.0
#include "runtime/command/foreground.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/process.h"
#include "runtime/container/notify.h"

enum {
    BUFFER_SIZE = 32768
};

static void all_signals(sigset_t *set) {
    static const int ours[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTTIN, SIGTTOU, SIGTSTP, SIGPIPE};
    sigfillset(set);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        sigdelset(set, ours[i]);
}

void foreground_begin(void) {
    sigset_t set;
    all_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

int foreground_open_console(int ret[2], Error *err) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret) < 0)
        return error_set_errno(err, errno, "cannot make a socket pair");
    return 0;
}

void foreground_copy_size(int master) {
    struct winsize size;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
        (void)ioctl(master, TIOCSWINSZ, &size);
}

void foreground_read_size(OciBox *ret) {
    struct winsize size;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
        *ret = (OciBox){.height = {true, size.ws_row}, .width = {true, size.ws_col}};
}

/* False at the end of `from`; a terminal's end is EIO once its last user is gone. */
static bool copy_some(int from, int to) {
    char buffer[BUFFER_SIZE];
    Error ignored;
    ssize_t n = read(from, buffer, sizeof buffer);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    return n > 0 && fd_write_all(to, buffer, (size_t)n, &ignored) >= 0;
}

/* Without a terminal of our own nothing has to be raw. */
static bool make_raw(struct termios *saved) {
    struct termios raw;
    if (tcgetattr(STDIN_FILENO, saved) < 0)
        return false;
    raw = *saved;
    cfmakeraw(&raw);
    raw.c_oflag |= OPOST; /* the container's terminal leaves newlines to ours */
    return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/* True once the process has been reaped. Signals merge, so whoever else has ended is reaped, too.
 */
static bool reap(const Foreground *foreground, int *ret_status) {
    if (!foreground->subreaper)
        return waitpid(foreground->pid, ret_status, WNOHANG) == foreground->pid;
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == foreground->pid)
            return *ret_status = status, true;
    return false;
}

/* True once the process has been reaped. */
static bool handle_signal(int signals, const Foreground *foreground, int *ret_status) {
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != sizeof info)
        return false;
    switch (info.ssi_signo) {
    case SIGCHLD:
        return reap(foreground, ret_status);
    case SIGWINCH:
        if (foreground->master >= 0) {
            foreground_copy_size(foreground->master);
            break;
        }
        /* fall through */
    default:
        kill(foreground->pid, (int)info.ssi_signo);
    }
    return false;
}

static void drain(int master) {
    struct pollfd rest = {.fd = master, .events = POLLIN};
    while (poll(&rest, 1, 0) > 0 && rest.revents & POLLIN)
        if (!copy_some(master, STDOUT_FILENO))
            return;
}

static int relay(int signals, const Foreground *foreground, Error *err) {
    enum {
        SIGNALS,
        MASTER,
        INPUT,
        NOTIFY,
        COUNT
    };
    int master = foreground->master;
    struct pollfd fds[COUNT] = {[SIGNALS] = {.fd = signals, .events = POLLIN},
        [MASTER] = {.fd = master, .events = POLLIN},
        [INPUT] = {.fd = master >= 0 ? STDIN_FILENO : -1, .events = POLLIN},
        [NOTIFY] = {.fd = foreground->notify, .events = POLLIN}};
    int status;
    bool ended = reap(foreground, &status); /* its last words are still to come */
    while (!ended) {
        if (poll(fds, COUNT, -1) < 0 && errno != EINTR)
            return error_set_errno(err, errno, "cannot wait");
        if (fds[MASTER].revents && !copy_some(master, STDOUT_FILENO))
            fds[MASTER].fd = -1;
        if (fds[INPUT].revents && !copy_some(STDIN_FILENO, master))
            fds[INPUT].fd = -1;
        if (fds[NOTIFY].revents && notify_take(foreground->notify, getpid()))
            fds[NOTIFY].fd = -1;
        ended = fds[SIGNALS].revents && handle_signal(signals, foreground, &status);
    }
    if (master >= 0)
        drain(master);
    return process_exit_code(status);
}

int foreground_wait(Foreground foreground, Error *err) {
    sigset_t set;
    struct termios saved;
    all_signals(&set);
    autoclose int signals = signalfd(-1, &set, SFD_CLOEXEC);
    if (signals < 0)
        return error_set_errno(err, errno, "cannot wait for signals");
    bool raw = foreground.master >= 0 && make_raw(&saved);
    int r = relay(signals, &foreground, err);
    if (raw)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    return r;
}
