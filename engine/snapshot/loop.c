// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "base/file.h"

enum {
    ATTEMPTS = 64 /* others take free devices, too */
};

static int attach_once(
    int control, int file, const char *path, int *ret_fd, char *ret_device, Error *err) {
    int number = ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0)
        return error_set_errno(err, errno, "cannot find a free loop device");
    snprintf(ret_device, LOOP_PATH_SIZE, "/dev/loop%d", number);
    autoclose int device = -1;
    TRY(file_open(AT_FDCWD, ret_device, O_RDONLY, 0, &device, err));
    struct loop_config config = {
        .fd = (unsigned)file, .info = {.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR}};
    snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%s", path);
    if (ioctl(device, LOOP_CONFIGURE, &config) < 0)
        return error_set_errno(err, errno, "cannot set up %s for '%s'", ret_device, path);
    *ret_fd = take_fd(&device);
    return 0;
}

int loop_attach(const char *path, int *ret_fd, char ret_device[LOOP_PATH_SIZE], Error *err) {
    autoclose int control = -1, file = -1;
    TRY(file_open(AT_FDCWD, "/dev/loop-control", O_RDWR, 0, &control, err));
    TRY(file_open(AT_FDCWD, path, O_RDONLY, 0, &file, err));
    int code = 0;
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        code = attach_once(control, file, path, ret_fd, ret_device, err);
        if (code == 0 || err->sys != EBUSY)
            break;
    }
    return code;
}
