// SPDX-License-Identifier: Apache-2.0
/* floor ROOTFS PROGRAM [SOURCE]: what nobody can go below: the namespaces, mounts and exec of a
 * default container by bare system calls, without cgroups, seccomp, capabilities or configuration.
 * With SOURCE that folder is bound on mnt/0 to mnt/49, too. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *type, *target, *data;
    unsigned long flags;
} mounts[] = {
    {"proc", "proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
    {"tmpfs", "dev", "mode=755,size=64k", MS_NOSUID},
    {"devpts", "dev/pts", "newinstance,ptmxmode=0666,mode=0620", MS_NOSUID | MS_NOEXEC},
    {"tmpfs", "dev/shm", "mode=1777,size=64m", MS_NOSUID | MS_NODEV | MS_NOEXEC},
    {"mqueue", "dev/mqueue", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
    {"sysfs", "sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY},
};

static void must(int result, const char *what) {
    if (result == 0)
        return;
    perror(what);
    exit(1);
}

static int child(void *argument) {
    char **argv = argument;
    must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
    must(mount(argv[1], argv[1], NULL, MS_BIND | MS_REC, NULL), "bind");
    must(chdir(argv[1]), "chdir");
    for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
        if (i >= 2 && i <= 4)
            must(mkdir(mounts[i].target, 0755), mounts[i].target);
        must(mount(
                 mounts[i].type, mounts[i].target, mounts[i].type, mounts[i].flags, mounts[i].data),
            mounts[i].target);
    }
    for (int i = 0; argv[3] && i < 50; i++) {
        char target[16];
        snprintf(target, sizeof target, "mnt/%d", i);
        must(mount(argv[3], target, NULL, MS_BIND | MS_REC, NULL), target);
    }
    must((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "umount");
    must(sethostname("floor", 5), "sethostname");
    execv(argv[2], (char *[]){argv[2], NULL});
    perror(argv[2]);
    return 1;
}

int main(int argc, char **argv) {
    static char stack[65536] __attribute__((aligned(16)));
    int status;
    if (argc < 3)
        return 2;
    int flags =
        CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;
    pid_t pid = clone(child, stack + sizeof stack, flags | SIGCHLD, argv);
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        perror("clone");
        return 1;
    }
    return WEXITSTATUS(status);
}
