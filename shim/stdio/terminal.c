// SPDX-License-Identifier: Apache-2.0
#include "shim/stdio/terminal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"

enum {
    CONNECT_TIMEOUT_MS = 10000
};

/* NULL: the name fits where it is. */
static int make_private(const char *path, char **ret, Error *err) {
    char private[] = "/tmp/tare-tty-XXXXXX";
    if (strlen(path) < sizeof((struct sockaddr_un *)NULL)->sun_path)
        return 0;
    if (!mkdtemp(private))
        return error_set_errno(err, errno, "cannot make a directory for the console socket");
    *ret = text_copy(private);
    return 0;
}

void console_socket_done(ConsoleSocket *console) {
    if (console->listener >= 0)
        close(console->listener);
    console->listener = -1;
    if (console->path)
        unlink(console->path);
    if (console->directory)
        rmdir(console->directory);
    free(take_ptr(&console->path));
    free(take_ptr(&console->directory));
}

int console_socket_open(ConsoleSocket *console, const char *directory, Error *err) {
    static const char name[] = "tty.sock";
    console->path = path_join(directory, name);
    int r = make_private(console->path, &console->directory, err);
    if (r >= 0 && console->directory) {
        free(console->path);
        console->path = path_join(console->directory, name);
    }
    if (r >= 0) {
        unlink(console->path);
        r = fd_listen(console->path, 0600, 1, &console->listener, err);
    }
    if (r < 0)
        console_socket_done(console);
    return r;
}

int console_socket_receive(ConsoleSocket *console, int *ret_master, Error *err) {
    struct pollfd ready = {.fd = console->listener, .events = POLLIN};
    if (poll(&ready, 1, CONNECT_TIMEOUT_MS) != 1)
        return error_set(err, ERROR_TIMEOUT, "the runtime sent no terminal");
    autoclose int socket = accept4(console->listener, NULL, NULL, SOCK_CLOEXEC);
    autoclose int master = -1;
    if (socket < 0)
        return error_set_errno(err, errno, "cannot accept the runtime's console connection");
    TRY(fd_receive(socket, &master, err));
    if (!isatty(master))
        return error_set(err, ERROR_CORRUPT, "the runtime sent something that is not a terminal");
    TRY(fd_set_nonblocking(master, true, err));
    *ret_master = take_fd(&master);
    return 0;
}

int terminal_resize(int master, TerminalSize size, Error *err) {
    struct winsize window = {.ws_row = size.rows, .ws_col = size.columns};
    if (ioctl(master, TIOCSWINSZ, &window) < 0)
        return error_set_errno(err, errno, "cannot resize the terminal");
    return 0;
}
