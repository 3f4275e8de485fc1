// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/layer/syscalls.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* shadow memory takes terabytes of address space */
#else
#define SANITIZED 0
#endif

enum {
    MEMORY_MAX = 1 << 30,      /* 128 MiB of zstd window, 320 MiB of remembered paths, and ease */
    DESCRIPTORS_MAX = 1 << 16, /* a deep directory is open in each of the layers that have it */
};

typedef struct Trees {
    Confinement confinement;
    int *fd;
    size_t n;
} Trees;

static int limit_resources(const Trees *trees, Error *err) {
    const struct {
        int resource;
        rlim_t value;
    } limits[] = {
        {RLIMIT_CORE, 0},
        {RLIMIT_NOFILE, DESCRIPTORS_MAX},
        {RLIMIT_CPU, CONFINE_CPU_SECONDS + 1},
        {SANITIZED ? RLIMIT_CORE : RLIMIT_AS, SANITIZED ? 0 : MEMORY_MAX},
    };
    for (size_t i = 0; i < array_size(limits); i++) {
        struct rlimit old, limit = {limits[i].value, limits[i].value};
        if (getrlimit(limits[i].resource, &old) == 0 && old.rlim_max < limit.rlim_max)
            limit = (struct rlimit){old.rlim_max, old.rlim_max};
        /* At the hard limit the kernel kills, one second before it says why (SIGXCPU). */
        if (limits[i].resource == RLIMIT_CPU && limit.rlim_max > 0)
            limit.rlim_cur = limit.rlim_max - 1;
        if (setrlimit(limits[i].resource, &limit) < 0)
            return error_set_errno(err, errno, "cannot limit resources");
    }
    return 0;
}

static int forbid_new_privileges(const Trees *trees, Error *err) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set_errno(err, errno, "cannot forbid new privileges");
    return 0;
}

/* Nobody opens a device node or runs a file through this mount, whatever the layer has made there.
 * Linux 5.12; before, the other steps hold. */
static int disarm(int mount, Confinement confinement, Error *err) {
    struct mount_attr attributes = {
        .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
        .attr_clr = confinement == CONFINE_READ ? MOUNT_ATTR__ATIME : 0};
    if (confinement == CONFINE_READ)
        attributes.attr_set |= MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME;
    if (syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0 &&
        errno != ENOSYS)
        return error_set_errno(err, errno, "cannot disarm the layer's directory");
    return 0;
}

/* A mount of its own whose root is the tree: there is no way up from it. Still in the engine's
 * mount namespace: only mounts of one's own can be copied. */
static int detach(int *tree, Confinement confinement, Error *err) {
    autoclose int fd =
        (int)syscall(SYS_open_tree, *tree, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot detach the layer's directory");
    TRY(disarm(fd, confinement, err));
    /* dup2 keeps the number; the program reads and writes through this descriptor only. */
    autoclose int at = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0 || dup3(at, *tree, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot open the layer's directory");
    return 0;
}

static int detach_trees(const Trees *trees, Error *err) {
    for (size_t i = 0; i < trees->n; i++)
        TRY(detach(&trees->fd[i], trees->confinement, err));
    return 0;
}

/* In a mount namespace of its own, whose only mount is an empty read-only tmpfs: libraries that
 * look for files (iconv, locales) find none, and absolute paths lead nowhere. */
static int leave_file_system(const Trees *trees, Error *err) {
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return error_set_errno(err, errno, "cannot make a mount namespace");
    if (mount("none", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
            "size=4k,nr_inodes=2") < 0 ||
        chdir("/proc") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return error_set_errno(err, errno, "cannot leave the machine's files");
    return 0;
}

/* Rights that the kernel knows, by the version of its Landlock. */
static uint64_t known_rights(int version) {
    uint64_t rights = LANDLOCK_ACCESS_FS_EXECUTE |
                      (LANDLOCK_ACCESS_FS_MAKE_SYM | (LANDLOCK_ACCESS_FS_MAKE_SYM - 1));
    if (version >= 2)
        rights |= LANDLOCK_ACCESS_FS_REFER;
#ifdef LANDLOCK_ACCESS_FS_TRUNCATE
    if (version >= 3)
        rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
#endif
    return rights;
}

static int allow_beneath(int ruleset, uint64_t rights, const Trees *trees) {
    for (size_t i = 0; i < trees->n; i++) {
        struct landlock_path_beneath_attr rule = {
            .allowed_access = rights, .parent_fd = trees->fd[i]};
        if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
            return -1;
    }
    return 0;
}

/* Beneath the trees what the work wants, elsewhere nothing. A kernel without Landlock leaves the
 * other steps. */
static int landlock(const Trees *trees, Error *err) {
    int version =
        (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return 0;
    struct landlock_ruleset_attr attributes = {.handled_access_fs = known_rights(version)};
    uint64_t allowed = trees->confinement == CONFINE_READ
                           ? LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR
                           : attributes.handled_access_fs & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE;
    autoclose int ruleset = (int)syscall(
        SYS_landlock_create_ruleset, &attributes, sizeof(attributes.handled_access_fs), 0);
    if (ruleset < 0 || allow_beneath(ruleset, allowed, trees) < 0 ||
        syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        return error_set_errno(err, errno, "cannot set up Landlock");
    return 0;
}

/* overlayfs' attributes (trusted.*) are shown to CAP_SYS_ADMIN only, xattr(7). */
static const uint64_t kept_capabilities[] = {
    [CONFINE_FILL] = 1 << CAP_CHOWN | 1 << CAP_DAC_OVERRIDE | 1 << CAP_FOWNER | 1 << CAP_FSETID |
                     1 << CAP_MKNOD | UINT64_C(1) << CAP_SETFCAP,
    [CONFINE_READ] = 1 << CAP_DAC_READ_SEARCH | 1 << CAP_FOWNER | 1 << CAP_SYS_ADMIN,
};

static int drop_capabilities(const Trees *trees, Error *err) {
    uint64_t kept = kept_capabilities[trees->confinement];
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {};
    if (syscall(SYS_capget, &header, data) < 0)
        return error_set_errno(err, errno, "cannot read capabilities");
    for (size_t i = 0; i < array_size(data); i++) {
        data[i].permitted &= (uint32_t)(kept >> (32 * i));
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    if (syscall(SYS_capset, &header, data) < 0)
        return error_set_errno(err, errno, "cannot drop capabilities");
    return 0;
}

static int restrict_syscalls(const Trees *trees, Error *err) {
    return syscalls_restrict(trees->confinement, err);
}

typedef struct Step {
    int (*run)(const Trees *trees, Error *err);
    bool needs_root;
} Step;

static const Step steps[] = {
    {limit_resources},
    {detach_trees, true},
    {leave_file_system, true},
    {forbid_new_privileges},
    {landlock},
    {drop_capabilities},
    {restrict_syscalls},
};

int confine(Confinement confinement, int *tree, size_t trees, Error *err) {
    const Trees all = {confinement, tree, trees};
    for (size_t i = 0; i < array_size(steps); i++)
        if (!steps[i].needs_root || geteuid() == 0)
            TRY(steps[i].run(&all, err));
    return 0;
}
