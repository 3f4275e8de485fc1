// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot/quota.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "engine/snapshot/subvolume.h"

/* Unsigned, as the shift in QCMD leaves what an int can hold. */
#define COMMAND(type) QCMD((uint32_t)(type), PRJQUOTA)

/* Far from what administrators write into /etc/projid. */
enum {
    PROJECT_FIRST = 0x54000000,
    PROJECTS = 1 << 24,
    DEPTH_MAX = 256
};

static int refuse(int sys, Error *err) {
    if (sys == EPERM || sys == EACCES)
        return error_set_errno(err, sys, "cannot limit the size of a directory");
    return error_set(err, ERROR_UNSUPPORTED,
        "sizes are limited by project quotas or by btrfs, and this file system "
        "has neither: mount ext4 (made with -O quota,project) or XFS with prjquota");
}

static int set_limit(int directory, uint32_t project, uint64_t bytes, Error *err) {
    struct if_dqblk limit = {
        .dqb_bhardlimit = (bytes + 1023) / 1024,
        .dqb_bsoftlimit = (bytes + 1023) / 1024,
        .dqb_valid = QIF_BLIMITS,
    };
    if (syscall(SYS_quotactl_fd, directory, COMMAND(Q_SETQUOTA), project, &limit) < 0)
        return refuse(errno, err);
    return 0;
}

static int join(int fd, uint32_t project, bool directory, Error *err) {
    struct fsxattr attributes;
    if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0)
        return refuse(errno, err);
    attributes.fsx_projid = project;
    if (directory)
        attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    if (ioctl(fd, FS_IOC_FSSETXATTR, &attributes) < 0)
        return refuse(errno, err);
    return 0;
}

static int join_tree(int fd, uint32_t project, int depth, Error *err);

/* Symlinks and special files have no such attribute, and no blocks worth counting. */
static int join_entry(int dir, const char *name, uint32_t project, int depth, Error *err) {
    struct stat status;
    autoclose int fd = -1;
    if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(err, errno, "cannot read '%s'", name);
    if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
        return 0;
    TRY(file_open(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &fd, err));
    return S_ISDIR(status.st_mode) ? join_tree(fd, project, depth + 1, err)
                                   : join(fd, project, false, err);
}

static int join_tree(int fd, uint32_t project, int depth, Error *err) {
    TRY(join(fd, project, true, err));
    if (depth > DEPTH_MAX)
        return error_set(err, ERROR_EXHAUSTED, "more than %d directories deep", DEPTH_MAX);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (!stream)
        return error_set_errno(err, errno, "cannot list a snapshot");
    const struct dirent *entry;
    int code = 0;
    while (code == 0 && (entry = readdir(stream)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            code = join_entry(fd, entry->d_name, project, depth, err);
    closedir(stream);
    return code;
}

/* Limits outlive what they were for, so a project with nothing in it is free. */
static bool is_used(int directory, uint32_t project) {
    struct if_dqblk quota = {};
    return syscall(SYS_quotactl_fd, directory, COMMAND(Q_GETQUOTA), project, &quota) == 0 &&
           (quota.dqb_curinodes > 0 || quota.dqb_curspace > 0);
}

/* Where the kernel has no quotactl_fd(2) (5.14) or the disk no quotas, nothing has been changed.
 * Another engine on this file system may count from the same number. */
int quota_set(int directory, uint64_t number, uint64_t bytes, Error *err) {
    uint32_t offset = (uint32_t)(number % PROJECTS), tries = 0;
    while (is_used(directory, PROJECT_FIRST + offset) && ++tries < PROJECTS)
        offset = (offset + 1) % PROJECTS;
    uint32_t project = PROJECT_FIRST + offset;
    TRY(set_limit(directory, project, bytes, err));
    return join_tree(directory, project, 0, err);
}

int quota_make_directory(int dir, const char *name, uint64_t bytes, Error *err) {
    autoclose int directory = -1;
    bool subvolume = bytes > 0 && subvolume_is_possible(dir);
    uint64_t number = 0;
    if (subvolume)
        TRY(subvolume_make(dir, name, err));
    else if (mkdirat(dir, name, 0700) < 0)
        return error_set_errno(err, errno, "cannot make directory '%s'", name);
    if (bytes == 0)
        return 0;
    TRY(file_open(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &directory, err));
    if (subvolume && fchmod(directory, 0700) < 0)
        return error_set_errno(err, errno, "cannot make directory '%s'", name);
    if (subvolume)
        return subvolume_limit(directory, bytes, err);
    /* by chance, as many begin at the same moment */
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return error_set_errno(err, errno, "cannot choose a project");
    return quota_set(directory, number, bytes, err);
}
