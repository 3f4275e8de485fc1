// SPDX-License-Identifier: Apache-2.0
#include "runtime/security/executable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/process.h"
#include "runtime/security/remap.h"

/* This program becomes a file of a read-only mount that nobody else can reach: what is opened
 * through it cannot be opened for writing, whoever asks, and the mount cannot be changed because it
 * is nowhere. A shim starts us from there. Where the kernel does not let a running program move
 * there, we run again from it; a sealed copy in memory, the way for users without privileges, costs
 * a copy too. */

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

extern char **environ;

static bool is_protected(void) {
    autoclose int exe = openat(AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct statvfs fs;
    if (fstatvfs(exe, &fs) == 0 && fs.f_flag & ST_RDONLY)
        return true;
    int seals = fcntl(exe, F_GET_SEALS);
    return seals >= 0 && (seals & SEALS) == SEALS;
}

static int open_sealed_copy(void) {
    autoclose int exe = openat(AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC);
    autoclose int fd = memfd_create("tare-runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ssize_t n = exe < 0 || fd < 0 ? -1 : 1;
    while (n > 0)
        n = sendfile(fd, exe, NULL, 1 << 24);
    if (n < 0 || fchmod(fd, 0500) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        return -1;
    return take_fd(&fd);
}

int executable_protect(char **argv, Error *err) {
    if (is_protected()) {
        (void)prctl(PR_SET_NAME, "tare-runtime"); /* execveat left a descriptor's number there */
        return 0;
    }
    autoclose int safe = program_open_readonly("/proc/self/exe");
    if (safe >= 0 && remap_program(safe) && is_protected()) {
        log_debug("this program is now a file of a read-only mount that nobody else can reach");
        return 0;
    }
    autofree char *original = realpath("/proc/self/exe", NULL);
    if (original) /* for process_find_program() */
        setenv(PROCESS_ORIGINAL_ENVIRONMENT, original, true);
    bool copied = safe < 0;
    if (copied)
        safe = open_sealed_copy();
    if (safe < 0)
        return error_set_errno(err, errno, "cannot protect this program from containers");
    log_debug("this program runs again from a %s", copied ? "sealed copy" : "read-only mount");
    (void)syscall(SYS_execveat, safe, "", argv, environ, AT_EMPTY_PATH);
    return error_set_errno(err, errno, "cannot protect this program from containers");
}
