// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv)
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#else
#define ARCHITECTURE 0 /* unknown to us: no filter */
#endif

#define NAMESPACES                                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
        CLONE_NEWNET)

/* What libc, its threads and its allocator want. clone3(2) is missing, as its flags are out of a
 * filter's sight; libc then takes clone(2). */
static const int calls_of_all[] = {
    SYS_brk, SYS_clock_gettime, SYS_clock_nanosleep, SYS_close, SYS_exit, SYS_exit_group, SYS_fstat,
    SYS_futex, SYS_getegid, SYS_geteuid, SYS_getgid, SYS_getpid, SYS_getrandom, SYS_gettid,
    SYS_getuid, SYS_lseek, SYS_mremap, SYS_munmap, SYS_nanosleep, SYS_ppoll, SYS_pread64, SYS_read,
    SYS_readv, SYS_restart_syscall, SYS_rseq, SYS_rt_sigaction, SYS_rt_sigprocmask,
    SYS_rt_sigreturn, SYS_sched_getaffinity, SYS_sched_yield, SYS_set_robust_list, SYS_sigaltstack,
    SYS_write, SYS_writev,
    /* of a tree, by descriptors */
    SYS_getdents64, SYS_newfstatat, SYS_openat, SYS_openat2, SYS_readlinkat, SYS_statx,
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_readlink
    SYS_readlink, /* sanitizers: /proc/self/exe, which is not there */
#endif
};

static const int calls_to_fill[] = {SYS_fchmod, SYS_fchown, SYS_fchownat, SYS_fsetxattr,
    SYS_ftruncate, SYS_linkat, SYS_mkdirat, SYS_mknodat, SYS_pwrite64, SYS_symlinkat, SYS_unlinkat,
    SYS_utimensat};

static const int calls_to_read[] = {SYS_fgetxattr, SYS_flistxattr};

/* Of a call that can do very different things, those that are wanted. Descriptors get no owner to
 * whom the kernel would send a signal in root's name, and CAP_SYS_ADMIN poisons no memory. */
static const uint32_t fcntl_commands[] = {
    F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL};
static const uint32_t madvise_advice[] = {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
    MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP,
    102 /* MADV_GUARD_INSTALL: stacks of glibc 2.42 */, 103 /* and _REMOVE */};

typedef struct Program {
    struct sock_filter code[256];
    unsigned short n;
} Program;

static void add(Program *program, struct sock_filter instruction) {
    if (program->n < array_size(program->code))
        program->code[program->n] = instruction;
    program->n++;
}

static void load(Program *program, size_t offset) {
    add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void decide(Program *program, uint32_t action) {
    add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static void allow(Program *program, const int *call, size_t n) {
    for (size_t i = 0; i < n; i++) {
        add(program,
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call[i], 0, 1));
        decide(program, SECCOMP_RET_ALLOW);
    }
}

/* The low half of an argument; all flags that matter are there. */
static size_t argument(unsigned number) {
    size_t half = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(uint32_t) : 0;
    return offsetof(struct seccomp_data, args) + number * sizeof(uint64_t) + half;
}

/* The call is allowed when of the bits `mask` of an argument exactly `wanted` are set. */
static void allow_with(
    Program *program, int call, unsigned number, uint32_t mask, uint32_t wanted) {
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 5));
    load(program, argument(number));
    add(program, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, wanted, 0, 1));
    decide(program, SECCOMP_RET_ALLOW);
    decide(program, SECCOMP_RET_ERRNO | EPERM);
}

static void allow_values(
    Program *program, int call, unsigned number, const uint32_t *value, size_t n) {
    add(program, (struct sock_filter)BPF_JUMP(
                     BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, (uint8_t)(2 * n + 2)));
    load(program, argument(number));
    for (size_t i = 0; i < n; i++) {
        add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value[i], 0, 1));
        decide(program, SECCOMP_RET_ALLOW);
    }
    decide(program, SECCOMP_RET_ERRNO | EPERM);
}

static void write_program(Program *program, Confinement confinement) {
    load(program, offsetof(struct seccomp_data, arch));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    decide(program, SECCOMP_RET_KILL_PROCESS); /* another table of numbers, as by int 0x80 */
    load(program, offsetof(struct seccomp_data, nr));
    allow(program, calls_of_all, array_size(calls_of_all));
    if (confinement == CONFINE_FILL)
        allow(program, calls_to_fill, array_size(calls_to_fill));
    else
        allow(program, calls_to_read, array_size(calls_to_read));
    const uint32_t self = (uint32_t)getpid(); /* abort(3) */
    allow_values(program, SYS_tgkill, 0, &self, 1);
    allow_values(program, SYS_fcntl, 1, fcntl_commands, array_size(fcntl_commands));
    allow_values(program, SYS_madvise, 2, madvise_advice, array_size(madvise_advice));
    allow_with(
        program, SYS_clone, 0, CLONE_THREAD | CLONE_VM | NAMESPACES, CLONE_THREAD | CLONE_VM);
    allow_with(program, SYS_mmap, 2, PROT_EXEC, 0);
    allow_with(program, SYS_mprotect, 2, PROT_EXEC, 0);
    decide(program, SECCOMP_RET_ERRNO | ENOSYS);
}

int syscalls_restrict(Confinement confinement, Error *err) {
    Program program = {};
    write_program(&program, confinement);
    if (ARCHITECTURE == 0)
        return 0;
    struct sock_fprog all = {.len = program.n, .filter = program.code};
    if (program.n > array_size(program.code))
        return error_set(err, ERROR_INTERNAL, "the filter of system calls is too long");
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &all) < 0 && errno != ENOSYS)
        return error_set_errno(err, errno, "cannot restrict system calls");
    return 0;
}
