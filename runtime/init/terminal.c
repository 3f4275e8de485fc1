// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"

enum {
    PTY_SLAVE_MAJOR = 136
};

static int check_slave(int slave, Error *err) {
    struct statfs fs;
    struct stat st;
    if (fstatfs(slave, &fs) < 0 || fstat(slave, &st) < 0)
        return error_set_errno(err, errno, "cannot inspect the new terminal");
    if (fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(st.st_mode) ||
        major(st.st_rdev) != PTY_SLAVE_MAJOR)
        return error_set(err, ERROR_DENIED, "the container's '/dev/pts' is not a devpts");
    return 0;
}

int terminal_open(int root, const OciBox *size, int *ret_master, int *ret_slave, Error *err) {
    autoclose int master = -1, slave = -1;
    if (file_open_in(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0, &master, err) < 0)
        return error_prefix(err, "cannot make a terminal");
    int unlock = 0;
    if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
        return error_set_errno(err, errno, "cannot unlock the new terminal");
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return error_set_errno(err, errno, "cannot open the new terminal");
    TRY(check_slave(slave, err));
    if (size && size->height.value && size->width.value) {
        struct winsize window = {.ws_row = (unsigned short)size->height.value,
            .ws_col = (unsigned short)size->width.value};
        if (ioctl(master, TIOCSWINSZ, &window) < 0)
            return error_set_errno(err, errno, "cannot set the size of the new terminal");
    }
    *ret_master = take_fd(&master);
    *ret_slave = take_fd(&slave);
    return 0;
}

int terminal_keep_newlines(int slave, Error *err) {
    struct termios settings;
    if (tcgetattr(slave, &settings) < 0)
        return error_set_errno(err, errno, "cannot read the settings of the new terminal");
    settings.c_oflag &= (tcflag_t)~ONLCR;
    if (tcsetattr(slave, TCSANOW, &settings) < 0)
        return error_set_errno(err, errno, "cannot change the settings of the new terminal");
    return 0;
}

int terminal_use(int console_socket, int master, int slave, Error *err) {
    TRY(fd_send(console_socket, &master, 1, err));
    for (int fd = 0; fd < 3; fd++)
        if (dup2(slave, fd) < 0)
            return error_set_errno(err, errno, "cannot use the new terminal");
    if (ioctl(0, TIOCSCTTY, 0) < 0)
        return error_set_errno(err, errno, "cannot control the new terminal");
    return 0;
}
