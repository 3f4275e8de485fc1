// SPDX-License-Identifier: Apache-2.0
#include "runtime/namespace/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "runtime/security/procfs.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

const NamespaceType namespace_types[NAMESPACE_COUNT] = {
    {"time", "time", CLONE_NEWTIME},
    {"pid", "pid", CLONE_NEWPID},
    {"network", "net", CLONE_NEWNET},
    {"ipc", "ipc", CLONE_NEWIPC},
    {"uts", "uts", CLONE_NEWUTS},
    {"cgroup", "cgroup", CLONE_NEWCGROUP},
    {"user", "user", CLONE_NEWUSER},
    {"mount", "mnt", CLONE_NEWNS},
};

enum {
    IDENTITY_SIZE = 64
};

static int type_index(const char *name) {
    for (int i = 0; i < NAMESPACE_COUNT; i++)
        if (strcmp(namespace_types[i].name, name) == 0)
            return i;
    return -1;
}

static bool is_same(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The kernel refuses to enter the user namespace that one is in, so equality must be known. */
static int is_own(int fd, const char *file, bool *ret, Error *err) {
    char path[64];
    struct stat theirs, ours;
    snprintf(path, sizeof path, "/proc/self/ns/%s", file);
    if (fstat(fd, &theirs) < 0 || stat(path, &ours) < 0)
        return error_set_errno(err, errno, "cannot compare namespaces with '%s'", path);
    *ret = is_same(&theirs, &ours);
    return 0;
}

bool namespace_is_ours(const OciNamespace *wanted) {
    autoclose int fd = -1;
    Error ignored;
    bool own = false;
    int index = type_index(wanted->type);
    return index >= 0 && !text_is_empty(wanted->path) &&
           file_open(AT_FDCWD, wanted->path, O_RDONLY | O_NONBLOCK, 0, &fd, &ignored) >= 0 &&
           is_own(fd, namespace_types[index].file, &own, &ignored) >= 0 && own;
}

static int add_join(Namespaces *namespaces, int index, const char *path, Error *err) {
    autoclose int fd = -1;
    bool own;
    TRY(file_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0, &fd, err));
    if (ioctl(fd, NS_GET_NSTYPE) != namespace_types[index].flag)
        return error_set(
            err, ERROR_INVALID, "'%s' is not a %s namespace", path, namespace_types[index].name);
    TRY(is_own(fd, namespace_types[index].file, &own, err));
    if (own)
        return 0;
    namespaces->join |= namespace_types[index].flag;
    namespaces->join_fd[index] = take_fd(&fd);
    return 0;
}

static int add(
    Namespaces *namespaces, const OciNamespace *wanted, size_t i, int *seen, Error *err) {
    int index = type_index(wanted->type);
    if (index < 0)
        return error_set(err, ERROR_INVALID, "linux.namespaces[%zu].type: unknown namespace \"%s\"",
            i, wanted->type);
    int flag = namespace_types[index].flag;
    if (*seen & flag)
        return error_set(err, ERROR_INVALID,
            "linux.namespaces[%zu].type: duplicated namespace \"%s\"", i, wanted->type);
    *seen |= flag;
    if (text_is_empty(wanted->path)) {
        namespaces->create |= flag;
        return 0;
    }
    if (add_join(namespaces, index, wanted->path, err) < 0)
        return error_prefix(err, "linux.namespaces[%zu].path", i);
    return 0;
}

void namespaces_clear(Namespaces *namespaces) {
    *namespaces = (Namespaces){.process_fd = -1};
    for (int i = 0; i < NAMESPACE_COUNT; i++)
        namespaces->join_fd[i] = -1;
}

int namespaces_init(Namespaces *namespaces, const OciLinux *linux, Error *err) {
    const OciNamespace *wanted = linux->namespaces.item;
    int seen = 0;
    namespaces_clear(namespaces);
    for (size_t i = 0; i < linux->namespaces.n; i++)
        TRY(add(namespaces, &wanted[i], i, &seen, err));
    return 0;
}

/* "net:[4026531840]": the link says what stat(2) of its target would, in a third of the time. */
static bool read_identity(int directory, const char *file, char ret[IDENTITY_SIZE]) {
    ssize_t n = readlinkat(directory, file, ret, IDENTITY_SIZE - 1);
    ret[n < 0 ? 0 : n] = '\0';
    return n >= 0;
}

int namespaces_init_of_process(Namespaces *namespaces, pid_t pid, Error *err) {
    autoclose int theirs = -1, ours = -1;
    char path[64];
    namespaces_clear(namespaces);
    snprintf(path, sizeof path, "/proc/%d/ns", pid);
    TRY(file_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, &theirs, err));
    TRY(file_open(AT_FDCWD, "/proc/self/ns", O_PATH | O_DIRECTORY, 0, &ours, err));
    for (int i = 0; i < NAMESPACE_COUNT; i++) {
        const char *file = namespace_types[i].file;
        char their[IDENTITY_SIZE], our[IDENTITY_SIZE];
        bool found = read_identity(theirs, file, their) && read_identity(ours, file, our);
        if (!found && errno != ENOENT) /* a kernel without this kind */
            return error_set_errno(
                err, errno, "cannot compare namespaces with '%s/%s'", path, file);
        if (found && strcmp(their, our) != 0)
            namespaces->join |= namespace_types[i].flag;
    }
    namespaces->process_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return namespaces->process_fd < 0
               ? error_set_errno(err, errno, "cannot open process %d", (int)pid)
               : 0;
}

void namespaces_done(Namespaces *namespaces) {
    for (int i = 0; i < NAMESPACE_COUNT; i++) {
        if (namespaces->join_fd[i] >= 0)
            close(namespaces->join_fd[i]);
        namespaces->join_fd[i] = -1;
    }
    if (namespaces->process_fd >= 0)
        close(namespaces->process_fd);
    namespaces->process_fd = -1;
}

/* A process's own are entered all at once (setns(2), since Linux 5.8). */
static int enter_all_of_process(const Namespaces *namespaces, Error *err) {
    if (namespaces->join && setns(namespaces->process_fd, namespaces->join) < 0)
        return error_set_errno(err, errno, "cannot join the container's namespaces");
    return 0;
}

/* A namespace is entered with privileges over it. Those that belong to the host need ours, before
 * the user namespace takes them away; those that belong to the container's user namespace may need
 * what that one gives. So whatever is refused before is tried again after it. */
int namespaces_enter(const Namespaces *namespaces, Error *err) {
    int left = namespaces->join;
    if (namespaces->process_fd >= 0)
        return enter_all_of_process(namespaces, err);
    for (int i = 0; i < NAMESPACE_COUNT; i++) {
        const NamespaceType *type = &namespace_types[i];
        if (!(left & type->flag))
            continue;
        bool again = left & CLONE_NEWUSER && type->flag != CLONE_NEWUSER;
        if (setns(namespaces->join_fd[i], type->flag) == 0)
            left &= ~type->flag;
        else if (errno != EPERM || !again)
            return error_set_errno(err, errno, "cannot join the %s namespace", type->name);
        if (type->flag == CLONE_NEWUSER)
            i = -1; /* the refused ones */
    }
    return 0;
}

int namespaces_joined_fd(const Namespaces *namespaces, int flag) {
    for (int i = 0; i < NAMESPACE_COUNT; i++)
        if (namespace_types[i].flag == flag)
            return namespaces->join_fd[i];
    return -1;
}

/* Offsets can be written only while no process is inside (time_namespaces(7)), which is why clone3
 * does not make this one. */
int namespaces_unshare_time(const OciLinux *linux, int procfs, Error *err) {
    if (unshare(CLONE_NEWTIME) < 0)
        return error_set_errno(err, errno, "cannot make a time namespace");
    autodone(Text) lines = {};
    const OciTimeOffset *offset = linux->time_offsets.value;
    for (size_t i = 0; i < linux->time_offsets.n; i++)
        text_append_format(&lines, "%s %lld %llu\n", linux->time_offsets.key[i],
            (long long)offset[i].seconds.value, (unsigned long long)offset[i].nanoseconds.value);
    if (lines.length && procfs_write(procfs, "self/timens_offsets", lines.data, err) < 0)
        return error_prefix(err, "linux.timeOffsets");
    autoclose int fd = -1;
    TRY(file_open(procfs, "self/ns/time_for_children", O_RDONLY, 0, &fd, err));
    if (setns(fd, CLONE_NEWTIME) < 0)
        return error_set_errno(err, errno, "cannot enter the new time namespace");
    return 0;
}

int namespaces_loopback_up(Error *err) {
    autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 && errno == EAFNOSUPPORT)
        return 0;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return error_set_errno(err, errno, "cannot bring 'lo' up");
    return 0;
}
