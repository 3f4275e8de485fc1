// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "runtime/cgroup/enter.h"
#include "runtime/init/affinity.h"
#include "runtime/init/limit.h"
#include "runtime/init/message.h"
#include "runtime/init/process.h"
#include "runtime/init/program.h"
#include "runtime/init/terminal.h"
#include "runtime/security/label.h"
#include "runtime/security/procfs.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/* keyctl(2): possessor all, user search */
#define KEYRING_PERMISSIONS 0x3f080000U

/* We are the only thread of a process that was just cloned: in the new namespaces that clone3 made,
 * with the host's file system still ours. Each step may assume those above it. */

static int hide(Init *init, Error *err) {
    if (!init->in_namespaces)
        TRY(process_set_oom_score(init->process, err));
    /* nobody in a shared pid namespace may trace us or open our files (CVE-2016-9962); but a
     * runtime without privileges has yet to write our id mappings: then become_root hides us */
    if (!(init->namespaces->create & CLONE_NEWUSER) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return error_set_errno(err, errno, "cannot hide from debuggers");
    umask(0); /* modes below are meant exactly */
    return 0;
}

bool init_waits_for_runtime(const Init *init) {
    const OciLinux *config = init->spec->linux;
    bool devices = !init->is_exec && config && config->net_devices.n;
    return init->namespaces->create & CLONE_NEWUSER || devices;
}

/* Half of what clone3 would take is the network's, and it is the same work for init, on another
 * processor. */
static int make_network(Init *init, Error *err) {
    if (!(init->namespaces->create & CLONE_NEWNET))
        return 0;
    if (init->cgroup_follows && unshare(CLONE_NEWNET) < 0)
        return error_set_errno(err, errno, "cannot make a network namespace");
    return namespaces_loopback_up(err);
}

static int enter_cgroup(Init *init, Error *err) {
    if (init->cgroup_follows)
        TRY(cgroup_receive(init->cgroup, init->channel, err));
    if (!init->in_cgroup)
        TRY(cgroup_enter(init->cgroup, err));
    cgroup_close(init->cgroup); /* the limit on open files may come before we are through */
    return 0;
}

static int join_namespaces(Init *init, Error *err) {
    return init->in_namespaces ? 0 : namespaces_enter(init->namespaces, err);
}

static int become_mapped(Init *init, Error *err) {
    return init_waits_for_runtime(init) ? message_expect(init->channel, MESSAGE_MAPPED, NULL, err)
                                        : 0;
}

static int choose_cpus(Init *init, Error *err) {
    return affinity_settle(init->is_exec ? init->process->exec_cpu_affinity : NULL, err);
}

static bool in_user_namespace(const Init *init) {
    return (init->namespaces->create | init->namespaces->join) & CLONE_NEWUSER;
}

static bool sets_limits_by_runtime(const Init *init) {
    return in_user_namespace(init) && init->process->rlimits.n;
}

bool init_may_ask(const Init *init) {
    return init->hooks_before_pivot || init->delegates_cgroup || sets_limits_by_runtime(init) ||
           init->seccomp->notifies || (init->rootfs && rootfs_maps_ids_inside(init->rootfs));
}

/* Before we become the namespace's root: that one may not be allowed to go where the user who calls
 * the runtime is. */
static int open_rootfs(Init *init, Error *err) {
    if (!init->rootfs)
        return 0;
    return init->rootfs->opener == ROOTFS_BY_INIT
               ? rootfs_open(init->rootfs, err)
               : rootfs_receive(init->rootfs, init->channel, err);
}

/* Root of a user namespace, ours or joined: without this our ids stay those of the host. */
static int become_root(Init *init, Error *err) {
    if (!in_user_namespace(init))
        return 0;
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return error_set_errno(err, errno, "cannot become root of the user namespace");
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static int start_session(Init *init, Error *err) {
    if (setsid() < 0)
        return error_set_errno(err, errno, "cannot start a session");
    return 0;
}

static int open_procfs(Init *init, Error *err) {
    const OciLinux *config = init->spec->linux;
    bool needed = init->namespaces->create & CLONE_NEWTIME || label_is_wanted(init->process) ||
                  (config && config->sysctl.n && !init->is_exec);
    return needed ? procfs_open(&init->procfs, err) : 0;
}

/* Not by clone3: the namespace shall begin at the cgroup that we have just entered, and time needs
 * its offsets first. */
static int unshare_late(Init *init, Error *err) {
    if (init->namespaces->create & CLONE_NEWCGROUP && unshare(CLONE_NEWCGROUP) < 0)
        return error_set_errno(err, errno, "cannot make a cgroup namespace");
    if (init->delegates_cgroup)
        TRY(message_ask(init->channel, MESSAGE_DELEGATE, -1, 0, err));
    if (!(init->namespaces->create & CLONE_NEWTIME))
        return 0;
    /* files of a hidden process belong to root of the host, so that our own are closed to us; in a
     * user namespace that we have just made nobody else is there to look */
    bool alone = init->namespaces->create & CLONE_NEWUSER;
    if (alone && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
        return error_set_errno(err, errno, "cannot open our own files");
    TRY(namespaces_unshare_time(init->spec->linux, init->procfs, err));
    return alone ? prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) : 0;
}

static int join_keyring(Init *init, Error *err) {
    if (init->no_new_keyring)
        return 0;
    autofree char *name = text_format("_ses.%s", init->id);
    TRY(label_set_keyring(init->process, init->procfs, err));
    long ring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name, 0, 0, 0);
    if (ring < 0 && errno != ENOSYS)
        return error_set_errno(err, errno, "cannot join a session keyring");
    if (ring >= 0 && !init->is_exec) { /* the owner may search it: exec joins by name */
        unsigned permissions = KEYRING_PERMISSIONS;
        if (syscall(SYS_keyctl, KEYCTL_SETPERM, ring, permissions, 0, 0) < 0 && errno != EACCES)
            return error_set_errno(err, errno, "cannot set the permissions of the session keyring");
    }
    return label_unset_keyring(init->process, init->procfs, err);
}

static int set_names(Init *init, Error *err) {
    const char *host = init->spec->hostname, *domain = init->spec->domainname;
    if (!text_is_empty(host) && sethostname(host, strlen(host)) < 0)
        return error_set_errno(err, errno, "cannot set hostname '%s'", host);
    if (!text_is_empty(domain) && setdomainname(domain, strlen(domain)) < 0)
        return error_set_errno(err, errno, "cannot set domainname '%s'", domain);
    return 0;
}

static int attach_root(Init *init, Error *err) {
    return init->rootfs ? rootfs_attach(init->rootfs, err) : 0;
}

static int map_ids(void *argument, int tree, size_t mount, Error *err) {
    const Init *init = argument;
    return message_ask(init->channel, MESSAGE_MAP_IDS, tree, (int)mount, err);
}

static int mount_all(Init *init, Error *err) {
    const RootfsHelp runtime = {.map_ids = map_ids, .argument = init};
    return init->rootfs ? rootfs_mount(init->rootfs, &runtime, err) : 0;
}

static int make_devices(Init *init, Error *err) {
    return init->rootfs ? rootfs_make_devices(init->rootfs, err) : 0;
}

static int use_terminal(Init *init, Error *err) {
    autoclose int root = -1, master = -1, slave = -1;
    if (!init->process->terminal.value)
        return 0;
    TRY(file_open(init->rootfs ? init->rootfs->tree : AT_FDCWD, init->rootfs ? "." : "/",
        O_PATH | O_DIRECTORY, 0, &root, err));
    TRY(terminal_open(root, init->process->console_size, &master, &slave, err));
    if (init->terminal_is_relayed)
        TRY(terminal_keep_newlines(slave, err));
    if (init->rootfs)
        TRY(rootfs_bind_console(init->rootfs, slave, err));
    return terminal_use(init->console_socket, master, slave, err);
}

static int wait_for_hooks(Init *init, Error *err) {
    return init->hooks_before_pivot ? message_ask(init->channel, MESSAGE_HOOK, -1, 0, err) : 0;
}

static int run_hooks(Init *init, const JsonObjects *hooks, HookRun run, Error *err) {
    OciState state = init->state;
    state.status = (char[]){"created"};
    state.pid = (JsonInt){true, getpid()}; /* as it is seen in here */
    run.state = &state;
    run.output = init->hook_output;
    return hooks_run(hooks, &run, err);
}

/* As for the reference runtime: "." is the rootfs, with its mounts. */
static int run_create_hooks(Init *init, Error *err) {
    const OciHooks *hooks = init->spec->hooks;
    if (!hooks || !hooks->create_container.n)
        return 0;
    if (init->rootfs && fchdir(init->rootfs->tree) < 0)
        return error_set_errno(err, errno, "cannot enter the rootfs '%s'", init->root);
    return run_hooks(init, &hooks->create_container, (HookRun){.kind = "createContainer"}, err);
}

/* From here on there is no host file system. */
static int pivot(Init *init, Error *err) {
    return init->rootfs ? rootfs_pivot(init->rootfs, err)
                        : rootfs_enter(init->root, init->namespaces->join & CLONE_NEWNS, err);
}

static bool is_null(int fd, const char *path) {
    struct stat st;
    return fstatat(fd, path, &st, AT_EMPTY_PATH) == 0 && S_ISCHR(st.st_mode) &&
           st.st_rdev == makedev(1, 3);
}

/* The container's own null device in place of the host's: a file from outside cannot be
 * checkpointed (criu dumps what the container's mounts reach). One that is absent, or no null
 * device, is left. */
static int reopen_null(Init *init, Error *err) {
    autoclose int own = -1;
    for (int fd = 0; fd < 3; fd++) {
        if (!is_null(fd, ""))
            continue;
        if (own < 0 && is_null(AT_FDCWD, "/dev/null"))
            own = openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (own < 0 || !is_null(own, ""))
            return 0;
        if (dup2(own, fd) < 0)
            return error_set_errno(err, errno, "cannot use the container's '/dev/null'");
    }
    return 0;
}

static int write_sysctls(Init *init, Error *err) {
    const OciLinux *config = init->spec->linux;
    for (size_t i = 0; config && i < config->sysctl.n; i++)
        TRY(procfs_write_sysctl(init->procfs, config->sysctl.key[i], config->sysctl.value[i], err));
    return 0;
}

static int protect(Init *init, Error *err) {
    return init->rootfs ? rootfs_protect(init->rootfs, err) : 0;
}

static int set_limits(Init *init, Error *err) {
    if (sets_limits_by_runtime(init))
        return message_ask(init->channel, MESSAGE_LIMITS, -1, 0, err);
    return limits_set(&init->process->rlimits, 0, err);
}

static int set_label(Init *init, Error *err) {
    return label_set(init->process, init->procfs, err);
}

static int forbid_new_privileges(Init *init, Error *err) {
    if (init->process->no_new_privileges.value && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set_errno(err, errno, "cannot set no_new_privs");
    return 0;
}

static int install_filter(Init *init, Error *err) {
    autoclose int listener = -1;
    TRY(seccomp_install(init->seccomp, &listener, err));
    return listener >= 0 ? message_ask(init->channel, MESSAGE_SECCOMP, listener, 0, err) : 0;
}

/* Without no_new_privs loading needs CAP_SYS_ADMIN, so it comes before privileges go; with it, as
 * late as possible, so that the filter need not allow what we still do. */
static int install_filter_early(Init *init, Error *err) {
    return init->process->no_new_privileges.value ? 0 : install_filter(init, err);
}

static int install_filter_late(Init *init, Error *err) {
    return init->process->no_new_privileges.value ? install_filter(init, err) : 0;
}

/* A directory that only the container's user may enter is tried again once we are that user. */
static int enter_directory(Init *init, Error *err) {
    int r = process_enter_directory(init, err);
    return r == ERROR_DENIED && err->sys == EACCES ? 0 : r;
}

/* The words are those that users of runc look for in its log. */
static void log_ready(const Init *init) {
    log_debug(init->is_exec ? "setns_init: about to exec"
                            : "init: closing the pipe to signal completion");
}

static void end_by_signal(int number) {
    _exit(128 + number);
}

/* The first process of a pid namespace ignores what it does not handle (pid_namespaces(7)): without
 * this a created container could only be killed. reset_signals takes it back. */
static void obey_signals(void) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    for (size_t n = 0; n < array_size(numbers); n++)
        signal(numbers[n], end_by_signal);
}

/* Waits for `start` at the socket; from then on failures are reported to it. */
static int wait_at_listener(Init *init, Error *err) {
    int fd;
    obey_signals();
    log_stop(); /* whoever reads the runtime's standard error sees its end */
    TRY(message_send(init->channel, MESSAGE_READY, 0, err));
    close(init->channel);
    init->channel = -1;
    while ((fd = accept4(init->listener, NULL, NULL, SOCK_CLOEXEC)) < 0 && errno == EINTR)
        ;
    if (fd < 0)
        return error_set_errno(err, errno, "cannot wait for start");
    close(init->listener);
    init->channel = fd;
    TRY(message_expect(init->channel, MESSAGE_START, NULL, err));
    return message_send(init->channel, MESSAGE_READY, 0, err);
}

/* A runtime without privileges may join a process that waits (exec) only if that one does not hide
 * (ptrace(2), access mode checking). There is nothing left in it that is not the container's. */
static int show(Init *init, Error *err) {
    const Rootfs *rootfs = init->rootfs;
    bool rootless = rootfs && rootfs->user_namespace && rootfs->opener == ROOTFS_BY_INIT;
    if (rootless && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
        return error_set_errno(err, errno, "cannot let the runtime look at its container");
    return 0;
}

static int wait_for_start(Init *init, Error *err) {
    log_ready(init);
    if (init->listener >= 0)
        return wait_at_listener(init, err);
    if (init->says_ready)
        TRY(message_send(init->channel, MESSAGE_READY, 0, err));
    return message_expect(init->channel, MESSAGE_START, NULL, err);
}

static bool has_start_hooks(const Init *init) {
    return !init->is_exec && init->spec->hooks && init->spec->hooks->start_container.n;
}

static int run_start_hooks(Init *init, Error *err) {
    const HookRun run = {.kind = "startContainer", .environment = init->environment};
    return has_start_hooks(init) ? run_hooks(init, &init->spec->hooks->start_container, run, err)
                                 : 0;
}

static int reset_signals(Init *init, Error *err) {
    sigset_t none;
    sigemptyset(&none);
    for (int i = 1; i < NSIG; i++)
        if (i != SIGKILL && i != SIGSTOP)
            signal(i, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    return 0;
}

/* A created container may wait for days: nothing of the host's stays open meanwhile. Before the
 * first filter, which may know nothing of close_range(2); what is opened later is close-on-exec
 * from birth. */
static int close_descriptors(Init *init, Error *err) {
    const int *output = init->hook_output.fd;
    bool hooks = has_start_hooks(init);
    int keep[] = {init->channel, init->listener, log_descriptor(), hooks ? output[0] : -1,
        hooks ? output[1] : -1};
    TRY(fd_close_others(3 + (int)init->preserve_fds, keep, array_size(keep), err));
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot close descriptors");
    init->procfs = init->console_socket = -1;
    return 0;
}

static int keep_descriptors(Init *init, Error *err) {
    for (int fd = 3; fd < 3 + (int)init->preserve_fds; fd++)
        TRY(fd_set_cloexec(fd, false, err));
    return 0;
}

/* Before the filter, so that it need not allow fcntl(2), unless hooks are to come: they get none.
 */
static int keep_descriptors_early(Init *init, Error *err) {
    return has_start_hooks(init) ? 0 : keep_descriptors(init, err);
}

static int keep_descriptors_late(Init *init, Error *err) {
    return has_start_hooks(init) ? keep_descriptors(init, err) : 0;
}

static int execute(Init *init, Error *err) {
    return program_execute(init, err);
}

typedef struct InitStep {
    const char *name; /* for readers */
    int (*run)(Init *init, Error *err);
    bool first_only; /* a process that joins a container finds this done */
} InitStep;

static const InitStep steps[] = {
    {"hide", hide},
    {"make the network", make_network, true}, /* while the runtime makes the cgroup */
    {"enter the cgroup", enter_cgroup},
    {"choose CPUs", choose_cpus},
    {"join namespaces", join_namespaces},
    {"wait for id mappings", become_mapped},
    {"open the rootfs", open_rootfs, true},
    {"become root", become_root},
    {"start a session", start_session},
    {"open a private procfs", open_procfs},
    {"make late namespaces", unshare_late},
    {"join a keyring", join_keyring},
    {"attach the rootfs", attach_root, true},
    {"mount", mount_all, true},
    {"make devices", make_devices, true},
    {"use a terminal", use_terminal},
    {"wait for hooks", wait_for_hooks, true},
    {"run createContainer hooks", run_create_hooks, true},
    {"pivot", pivot, true},
    {"reopen the null device", reopen_null},
    {"set host and domain name", set_names, true},
    {"write sysctls", write_sysctls, true},
    {"protect paths", protect, true},
    {"set limits", set_limits},
    {"set scheduling", process_set_scheduling},
    {"set the security label", set_label},
    {"forbid new privileges", forbid_new_privileges},
    {"prepare the environment", process_set_environment},
    {"enter the directory", enter_directory},
    {"close descriptors", close_descriptors},
    {"install an early seccomp filter", install_filter_early},
    {"become the user", process_set_user},
    {"find the program", program_locate},
    {"let the owner look", show},
    {"wait for start", wait_for_start},
    {"reset signals", reset_signals},
    {"keep descriptors", keep_descriptors_early},
    {"install a late seccomp filter", install_filter_late},
    {"run startContainer hooks", run_start_hooks, true},
    {"keep descriptors after hooks", keep_descriptors_late},
    {"execute", execute},
};

_Noreturn void init_run(Init *init) {
    Error err = {};
    init->procfs = -1;
    log_debug("child process in init()");
    for (size_t i = 0; i < array_size(steps); i++) {
        if (init->is_exec && steps[i].first_only)
            continue;
        log_debug("init: %s", steps[i].name);
        if (steps[i].run(init, &err) < 0)
            break;
    }
    if (init->channel >= 0)
        message_send_failure(init->channel, &err);
    _exit(err.reason[0] && strcmp(err.reason, "COMMAND_NOT_FOUND") == 0 ? 127 : 1);
}
