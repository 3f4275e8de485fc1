// SPDX-License-Identifier: Apache-2.0
#include "shim/terminal.h"

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

int console_socket_open(ConsoleSocket *console, const char *directory, Error *err) {
    autofree char *path = path_join(directory, "tty.sock");
    if (strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path) {
        char private[] = "/tmp/tare-tty-XXXXXX";
        if (!mkdtemp(private))
            return error_set_errno(err, errno, "cannot make a directory for the console socket");
        free(path);
        path = path_join(private, "tty.sock");
    }
    unlink(path);
    TRY(fd_listen(path, 0600, 1, &console->listener, err));
    console->path = take_ptr(&path);
    return 0;
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

void console_socket_done(ConsoleSocket *console) {
    if (console->listener >= 0)
        close(console->listener);
    console->listener = -1;
    if (!console->path)
        return;
    unlink(console->path);
    if (text_starts(console->path, "/tmp/tare-tty-")) {
        autofree char *parent = path_parent(console->path);
        rmdir(parent);
    }
    free(take_ptr(&console->path));
}

int terminal_resize(int master, TerminalSize size, Error *err) {
    struct winsize window = {.ws_row = size.rows, .ws_col = size.columns};
    if (ioctl(master, TIOCSWINSZ, &window) < 0)
        return error_set_errno(err, errno, "cannot resize the terminal");
    return 0;
}
