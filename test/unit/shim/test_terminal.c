// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "shim/stdio/terminal.h"

#include <cmocka.h>

static void send_from_runtime(const ConsoleSocket *console, int fd) {
    Error err = {};
    autoclose int socket = -1;
    assert_int_equal(fd_connect(console->path, &socket, &err), 0);
    assert_int_equal(fd_send(socket, &fd, 1, &err), 0);
}

static void check_receives_master(const char *directory) {
    ConsoleSocket console = CONSOLE_SOCKET_NULL;
    Error err = {};
    int master, slave, received = -1;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    assert_int_equal(console_socket_open(&console, directory, &err), 0);
    send_from_runtime(&console, master);
    assert_int_equal(console_socket_receive(&console, &received, &err), 0);
    assert_int_equal(terminal_resize(received, (TerminalSize){24, 81}, &err), 0);
    struct winsize size;
    assert_int_equal(ioctl(slave, TIOCGWINSZ, &size), 0);
    assert_int_equal(size.ws_row, 24);
    assert_int_equal(size.ws_col, 81);
    autofree char *path = text_copy(console.path);
    console_socket_done(&console);
    assert_int_equal(access(path, F_OK), -1);
    close(master);
    close(slave);
    close(received);
}

static void the_master_is_received(void **state) {
    char directory[] = "/tmp/tare-tty-test-XXXXXX";
    assert_non_null(mkdtemp(directory));
    check_receives_master(directory);
    assert_int_equal(rmdir(directory), 0);
}

static void long_directories_are_no_obstacle(void **state) {
    char top[] = "/tmp/tare-tty-test-XXXXXX";
    Error err = {};
    assert_non_null(mkdtemp(top));
    autofree char *directory = text_format("%s/%0100d/%0100d", top, 1, 2);
    assert_int_equal(file_make_dirs(directory, 0700, &err), 0);
    check_receives_master(directory);
    assert_int_equal(file_remove_tree(AT_FDCWD, top, &err), 0);
}

static void what_is_not_a_terminal_is_refused(void **state) {
    char directory[] = "/tmp/tare-tty-test-XXXXXX";
    ConsoleSocket console = CONSOLE_SOCKET_NULL;
    Error err = {};
    int received;
    autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_non_null(mkdtemp(directory));
    assert_int_equal(console_socket_open(&console, directory, &err), 0);
    send_from_runtime(&console, null);
    assert_int_equal(console_socket_receive(&console, &received, &err), ERROR_CORRUPT);
    console_socket_done(&console);
    assert_int_equal(rmdir(directory), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_master_is_received),
        cmocka_unit_test(long_directories_are_no_obstacle),
        cmocka_unit_test(what_is_not_a_terminal_is_refused),
    };
    return cmocka_run_group_tests_name("shim/terminal", tests, NULL, NULL);
}
