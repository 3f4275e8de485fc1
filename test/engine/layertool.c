// SPDX-License-Identifier: Apache-2.0
/* layertool extract FILE DIRECTORY [BYTES [ENTRIES]]: what tare-unpack does, without its
 * confinement, so that tests see the extraction's own care. layertool confine fill|read DIRECTORY:
 * what a process can still do once confined. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "engine/layer/confine.h"
#include "engine/layer/extract.h"

static int extract(char **argument, Error *err) {
    autoclose int file = -1, directory = -1;
    autoptr(Stream) stream = NULL;
    autodone(Extraction) extraction = {.tree.parent = -1};
    TRY(file_open(AT_FDCWD, argument[0], O_RDONLY, 0, &file, err));
    TRY(file_open(AT_FDCWD, argument[1], O_RDONLY | O_DIRECTORY, 0, &directory, err));
    const StreamSource source = {
        file, -1, argument[2] ? strtoull(argument[2], NULL, 10) : UINT64_C(1) << 40, false};
    TRY(stream_open(&source, &stream, err));
    extraction_init(&extraction, stream, directory);
    if (argument[2] && argument[3])
        extraction.entries_max = strtoull(argument[3], NULL, 10);
    TRY(extraction_run(&extraction, err));
    for (size_t i = 0; i < extraction.tree.implicit.n; i++)
        printf("implicit /%s\n", extraction.tree.implicit.item[i]);
    for (size_t i = 0; i < extraction.tree.opaque.n; i++)
        printf("opaque /%s\n", extraction.tree.opaque.item[i]);
    return 0;
}

static void say(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerror(errno) : "done");
}

/* What nobody needs for files; bad arguments would be told from a call that is not there. */
static const struct {
    const char *name;
    long number, arguments[3];
} forbidden[] = {
    {"fork", SYS_clone, {SIGCHLD}},
    {"make a namespace with a thread", SYS_clone,
        {CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWUSER}},
    {"clone3", SYS_clone3},
    {"leave a namespace", SYS_unshare, {CLONE_NEWUSER}},
    {"join a namespace", SYS_setns, {3}},
    {"open a socket", SYS_socket, {AF_UNIX, SOCK_STREAM}},
    {"open a pair of sockets", SYS_socketpair, {AF_UNIX, SOCK_STREAM}},
    {"trace", SYS_ptrace, {PTRACE_TRACEME}},
    {"signal others", SYS_kill, {1}},
    {"read memory of others", SYS_process_vm_readv, {1}},
    {"load a BPF program", SYS_bpf},
    {"make a ring", SYS_io_uring_setup, {1}},
    {"keep keys", SYS_add_key},
    {"look for keys", SYS_keyctl},
    {"handle faults", SYS_userfaultfd},
    {"watch events", SYS_perf_event_open},
    {"make memory a file", SYS_memfd_create, {(long)"x"}},
    {"copy a mount", SYS_open_tree, {3, (long)"", OPEN_TREE_CLONE}},
    {"open a file system", SYS_fsopen, {(long)"proc"}},
    {"change a mount", SYS_mount_setattr, {3, (long)""}},
    {"unmount", SYS_umount2, {(long)"/"}},
    {"open by handle", SYS_open_by_handle_at, {3}},
    {"change root", SYS_chroot, {(long)"/"}},
    {"become another user", SYS_setuid, {1000}},
    {"take capabilities", SYS_capset},
    {"widen limits", SYS_prlimit64},
    {"open a module", SYS_finit_module, {3}},
    {"send an ioctl", SYS_ioctl, {3}},
    {"undo its own rules", SYS_prctl},
    {"set the mode by path", SYS_fchmodat, {3, (long)"program"}},
    {"set an attribute by path", SYS_setxattr, {(long)"/"}},
};

static void *nothing(void *argument) {
    return argument;
}

static void try_memory(void) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("map memory", page == MAP_FAILED ? -1 : 0);
    say("run what was written", mprotect(page, 4096, PROT_READ | PROT_EXEC));
    page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("map memory to run", page == MAP_FAILED ? -1 : 0);
}

static void try_files(int tree) {
    static char *const arguments[] = {"true", NULL};
    say("make in tree", openat(tree, "made", O_WRONLY | O_CREAT, 0644));
    say("make a device in tree", mknodat(tree, "null", S_IFCHR | 0666, makedev(1, 3)));
    say("open a device", openat(tree, "null", O_RDWR));
    say("read outside", open("/etc/passwd", O_RDONLY));
    say("read above", openat(tree, "../canary", O_RDONLY));
    say("make above", openat(tree, "../made", O_WRONLY | O_CREAT, 0644));
    say("mount", mount("none", "/", "tmpfs", 0, NULL));
    say("run a program", fexecve(openat(tree, "program", O_RDONLY), arguments, arguments + 1));
}

/* Waits at the end, so that what the kernel says of it can be read. */
static int try_confined(char **argument, Error *err) {
    int tree;
    pthread_t thread;
    char byte;
    bool reads = strcmp(argument[0], "read") == 0;
    TRY(file_open(AT_FDCWD, argument[1], O_RDONLY | O_DIRECTORY, 0, &tree, err));
    TRY(confine(reads ? CONFINE_READ : CONFINE_FILL, &tree, 1, err));
    try_files(tree);
    try_memory();
    say("start a thread", pthread_create(&thread, NULL, nothing, NULL) == 0 ? 0 : -1);
    for (size_t i = 0; i < array_size(forbidden); i++) {
        const long *more = forbidden[i].arguments;
        say(forbidden[i].name, syscall(forbidden[i].number, more[0], more[1], more[2], 0, 0));
    }
    printf("\n");
    (void)!read(STDIN_FILENO, &byte, 1);
    return 0;
}

int main(int argc, char **argv) {
    Error error = {};
    int code = 0;
    umask(0);
    setlocale(LC_CTYPE, "C.UTF-8");
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc >= 4 && strcmp(argv[1], "extract") == 0)
        code = extract(argv + 2, &error);
    else if (argc == 4 && strcmp(argv[1], "confine") == 0)
        code = try_confined(argv + 2, &error);
    if (code < 0)
        fprintf(stderr, "%s\n", error.message);
    fflush(stdout);
    _exit(code < 0 ? 1 : 0);
}
