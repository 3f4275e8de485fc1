// SPDX-License-Identifier: Apache-2.0
#include "runtime/security/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"

static bool is_procfs(int fd) {
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

static int mount_private(void) {
    autoclose int fs = fsopen("proc", FSOPEN_CLOEXEC);
    if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    return fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

/* In a user namespace beneath masks of /proc the kernel refuses a new procfs. Then the one at /proc
 * must do: callers come before any mount of the container's. */
int procfs_open(int *ret_fd, Error *err) {
    autoclose int fd = mount_private();
    if (fd < 0)
        fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open a procfs");
    if (!is_procfs(fd))
        return error_set(err, ERROR_STATE, "'/proc' is not a procfs");
    *ret_fd = take_fd(&fd);
    return 0;
}

int procfs_write(int procfs, const char *path, const char *value, Error *err) {
    struct open_how how = {
        .flags = O_WRONLY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    char self[256];
    if (text_starts(path, "self/")) { /* the one symlink that is passed, by hand */
        char number[32] = "";
        if (readlinkat(procfs, "self", number, sizeof number - 1) < 0)
            return error_set_errno(err, errno, "cannot read '/proc/self'");
        snprintf(self, sizeof self, "%s/%s", number, path + strlen("self/"));
    } else {
        snprintf(self, sizeof self, "%s", path);
    }
    autoclose int fd = (int)syscall(SYS_openat2, procfs, self, &how, sizeof how);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open '/proc/%s'", path);
    if (!is_procfs(fd))
        return error_set(err, ERROR_DENIED, "'/proc/%s' is not in a procfs", path);
    size_t n = strlen(value);
    if (write(fd, value, n) != (ssize_t)n)
        return error_set_errno(err, errno, "cannot write '%s' to '/proc/%s'", value, path);
    return 0;
}

/* RESOLVE_BENEATH lets ".." climb inside: "net/../kernel/x" would pass for a name of the network.
 */
static bool climbs(const char *path) {
    autotexts char **names = texts_split(path, '/');
    for (char **name = names; *name; name++)
        if (!**name || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
            return true;
    return false;
}

/* sysctl(8): dots separate, and a slash stands for a dot, unless the first separator is a slash. */
int procfs_write_sysctl(int procfs, const char *name, const char *value, Error *err) {
    char path[256];
    int n = snprintf(path, sizeof path, "sys/%s", name);
    if (n < 0 || (size_t)n >= sizeof path)
        return error_set(err, ERROR_INVALID, "linux.sysctl: name \"%s\" is too long", name);
    size_t first = strcspn(name, "./");
    if (name[first] == '.')
        for (char *c = path + strlen("sys/"); *c; c++)
            *c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
    if (climbs(path))
        return error_set(err, ERROR_INVALID, "linux.sysctl: \"%s\" is not a name", name);
    if (procfs_write(procfs, path, value, err) < 0)
        return error_prefix(err, "linux.sysctl");
    return 0;
}
