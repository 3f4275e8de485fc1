// SPDX-License-Identifier: Apache-2.0
#include "engine/container/spec/seccomp.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"

/* An allow-list: everything else fails with EPERM. Rows apply when their conditions hold; the
 * kernels that we support are all newer than the profile's minKernel conditions. */
typedef struct Rule {
    const char *names;          /* separated by spaces */
    const char *needs, *unless; /* a capability in the bounding set, or not in it */
    const char *arches;         /* Go's names */
    const char *compare;        /* of argument `index` with `value` */
    uint64_t index, value;
    uint64_t errno_ret; /* not 0: refuse with it instead of allowing */
} Rule;

static const Rule rules[] = {
    {"accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir "
     "chmod chown chown32 clock_adjtime clock_adjtime64 clock_getres "
     "clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep "
     "clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 "
     "dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 "
     "epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group "
     "faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir "
     "fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync "
     "fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 "
     "fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 "
     "futex_wait futex_waitv futex_wake futimesat getcpu getcwd getdents getdents64 "
     "getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 "
     "getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom "
     "getresgid getresgid32 getresuid getresuid32 getrlimit get_robust_list getrusage "
     "getsid getsockname getsockopt get_thread_area gettid gettimeofday getuid "
     "getuid32 getxattr getxattrat inotify_add_watch inotify_init inotify_init1 "
     "inotify_rm_watch io_cancel ioctl io_destroy io_getevents io_pgetevents "
     "io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit ipc kill "
     "landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 "
     "lgetxattr link linkat listen listmount listxattr listxattrat llistxattr _llseek "
     "lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier "
     "memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 "
     "mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive "
     "mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal "
     "msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at "
     "nanosleep newfstatat _newselect open openat openat2 pause pidfd_open "
     "pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll "
     "ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 "
     "pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink readlinkat "
     "readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages "
     "removexattr removexattrat rename renameat renameat2 restart_syscall "
     "riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask "
     "rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait "
     "rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr "
     "sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler "
     "sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity "
     "sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select "
     "semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 "
     "sendmmsg sendmsg sendto setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 "
     "setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 "
     "setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit "
     "set_robust_list setsid setsockopt set_thread_area set_tid_address setuid "
     "setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack "
     "signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat "
     "stat64 statfs statfs64 statmount statx symlink symlinkat sync sync_file_range "
     "syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun "
     "timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create "
     "timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill "
     "truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime "
     "utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write "
     "writev"},
    {"process_vm_readv process_vm_writev ptrace"},
    {"socket", .compare = "SCMP_CMP_LT", .index = 0, .value = 38},
    {"socket", .compare = "SCMP_CMP_EQ", .index = 0, .value = 39},
    {"socket", .compare = "SCMP_CMP_GT", .index = 0, .value = 40},
    {"personality", .compare = "SCMP_CMP_EQ", .index = 0, .value = 0},
    {"personality", .compare = "SCMP_CMP_EQ", .index = 0, .value = 8},
    {"personality", .compare = "SCMP_CMP_EQ", .index = 0, .value = 131072},
    {"personality", .compare = "SCMP_CMP_EQ", .index = 0, .value = 131080},
    {"personality", .compare = "SCMP_CMP_EQ", .index = 0, .value = 4294967295},
    {"arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush "
     "set_tls",
        .arches = "arm64"},
    {"arch_prctl", .arches = "amd64"},
    {"modify_ldt", .arches = "amd64"},
    {"open_by_handle_at", .needs = "CAP_DAC_READ_SEARCH"},
    {"bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie "
     "lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr "
     "move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname "
     "sethostname setns syslog umount umount2 unshare",
        .needs = "CAP_SYS_ADMIN"},
    {"clone", .unless = "CAP_SYS_ADMIN", .compare = "SCMP_CMP_MASKED_EQ", .index = 0,
        .value = 2114060288},
    {"clone3", .errno_ret = 38, .unless = "CAP_SYS_ADMIN"},
    {"reboot", .needs = "CAP_SYS_BOOT"},
    {"chroot", .needs = "CAP_SYS_CHROOT"},
    {"delete_module init_module finit_module", .needs = "CAP_SYS_MODULE"},
    {"acct", .needs = "CAP_SYS_PACCT"},
    {"kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
        .needs = "CAP_SYS_PTRACE"},
    {"iopl ioperm", .needs = "CAP_SYS_RAWIO"},
    {"settimeofday stime clock_settime clock_settime64", .needs = "CAP_SYS_TIME"},
    {"vhangup", .needs = "CAP_SYS_TTY_CONFIG"},
    {"get_mempolicy mbind set_mempolicy set_mempolicy_home_node", .needs = "CAP_SYS_NICE"},
    {"syslog", .needs = "CAP_SYSLOG"},
    {"bpf", .needs = "CAP_BPF"},
    {"perf_event_open", .needs = "CAP_PERFMON"},
};

#if defined(__x86_64__)
#define ARCH "amd64"
static const char *const architectures[] = {
    "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", NULL};
#elif defined(__aarch64__)
#define ARCH "arm64"
static const char *const architectures[] = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", NULL};
#else
#error "the seccomp profile knows x86-64 and arm64"
#endif

static bool texts_hold(const JsonTexts *texts, const char *wanted) {
    for (size_t i = 0; i < texts->n; i++) {
        if (text_equal(texts->item[i], wanted))
            return true;
    }
    return false;
}

static bool rule_applies(const Rule *rule, const JsonTexts *bounding) {
    if (rule->needs && !texts_hold(bounding, rule->needs))
        return false;
    if (rule->unless && texts_hold(bounding, rule->unless))
        return false;
    return !rule->arches || strstr(rule->arches, ARCH);
}

static void rule_add(const Rule *rule, OciSeccomp *seccomp) {
    OciSeccompRule *added = json_objects_add(&seccomp->syscalls, &oci_seccomp_rule_type);
    autotexts char **names = texts_split(rule->names, ' ');
    for (char **name = names; *name; name++)
        json_texts_add(&added->names, *name);
    added->action = text_copy(rule->errno_ret ? "SCMP_ACT_ERRNO" : "SCMP_ACT_ALLOW");
    if (rule->errno_ret)
        added->errno_ret = (JsonUint){true, rule->errno_ret};
    if (!rule->compare)
        return;
    OciSeccompArg *arg = json_objects_add(&added->args, &oci_seccomp_arg_type);
    bool masked = text_equal(rule->compare, "SCMP_CMP_MASKED_EQ");
    arg->index = (JsonUint){true, rule->index};
    arg->value = (JsonUint){true, rule->value};
    if (masked) /* (argument & value) == 0 */
        arg->value_two = (JsonUint){true, 0};
    arg->op = text_copy(rule->compare);
}

OciSeccomp *seccomp_default(const JsonTexts *bounding) {
    OciSeccomp *seccomp = new (OciSeccomp);
    seccomp->default_action = text_copy("SCMP_ACT_ERRNO");
    seccomp->default_errno_ret = (JsonUint){true, 1};
    for (const char *const *name = architectures; *name; name++)
        json_texts_add(&seccomp->architectures, *name);
    for (size_t i = 0; i < array_size(rules); i++) {
        if (rule_applies(&rules[i], bounding))
            rule_add(&rules[i], seccomp);
    }
    return seccomp;
}
