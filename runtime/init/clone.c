// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "runtime/cgroup/enter.h"
#include "runtime/init/init.h"
#include "runtime/init/message.h"
#include "runtime/init/process.h"

/* Later, by init itself: the cgroup namespace begins at a cgroup that is entered first, the time
 * namespace takes its offsets before anyone lives in it. */
#define LATE_NAMESPACES (CLONE_NEWCGROUP | CLONE_NEWTIME)

static pid_t clone_process(uint64_t flags, int cgroup, bool parent) {
    struct clone_args args = {
        .flags = flags | (parent ? CLONE_PARENT : 0) | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
        .exit_signal = parent ? 0 : SIGCHLD,
        .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
    };
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

/* CLONE_INTO_CGROUP is refused where the cgroup is threaded, or delegated too tightly; then the
 * parent moves the child. */
static pid_t clone_into_cgroup(uint64_t flags, const Cgroup *cgroup, bool *ret_moved) {
    int fd = cgroup_unified_fd(cgroup);
    pid_t pid = clone_process(flags, fd, false);
    *ret_moved = pid >= 0;
    return pid < 0 && fd >= 0 ? clone_process(flags, -1, false) : pid;
}

static bool needs_intermediate(const Namespaces *namespaces) {
    return namespaces->join & (CLONE_NEWPID | CLONE_NEWUSER) ||
           (namespaces->join && namespaces->create & CLONE_NEWUSER);
}

/* Not where the runtime moves devices into the network as soon as init is there. */
bool init_can_precede_cgroup(const Init *init) {
    return init->namespaces->create & CLONE_NEWNET && cgroup_can_follow(init->cgroup) &&
           !needs_intermediate(init->namespaces) && !init->spec->linux->net_devices.n;
}

/* In the container's process: what it says to the runtime must come after MESSAGE_PID, so it waits
 * for a byte that says so. Without it nobody knows of us. */
static void wait_until_known(const int gate[2]) {
    char byte;
    ssize_t n;
    close(gate[1]);
    while ((n = read(gate[0], &byte, 1)) < 0 && errno == EINTR)
        ;
    close(gate[0]);
    if (n != 1)
        _exit(1);
}

/* In the intermediate process of an exec: from its first instruction our child can be seen by the
 * container's processes, and one that may trace would take what it holds: directories of the host's
 * cgroups and of our state (CVE-2016-9962). So nothing goes along but what the steps need. */
static int close_what_the_host_opened(const Init *init, const int gate[2], Error *err) {
    int keep[] = {init->channel, init->console_socket, log_descriptor(), gate[0], gate[1]};
    return fd_close_others(3 + (int)init->preserve_fds, keep, array_size(keep), err);
}

/* We are a short-lived child of the runtime, still on the host. Our child is the runtime's. */
_Noreturn static void run_intermediate(Init *init, uint64_t flags) {
    Error err = {};
    int gate[2];
    int r = process_set_oom_score(init->process, &err);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (r >= 0)
        r = cgroup_enter(init->cgroup, &err);
    if (r >= 0)
        r = namespaces_enter(init->namespaces, &err);
    if (r >= 0 && pipe2(gate, O_CLOEXEC) < 0)
        r = error_set_errno(&err, errno, "cannot make a pipe");
    if (r >= 0 && init->is_exec)
        r = close_what_the_host_opened(init, gate, &err);
    if (r >= 0) {
        init->in_cgroup = init->in_namespaces = true;
        pid_t pid = clone_process(flags, -1, true);
        if (pid == 0) {
            wait_until_known(gate);
            init_run(init);
        }
        r = pid < 0 ? error_set_errno(&err, errno, "cannot clone the container's process")
                    : message_send(init->channel, MESSAGE_PID, pid, &err);
    }
    if (r >= 0)
        (void)!write(gate[1], "", 1);
    if (r < 0)
        message_send_failure(init->channel, &err);
    _exit(r < 0);
}

static int finish_intermediate(const Init *init, pid_t intermediate, Error *err) {
    int pid = 0;
    int r = message_expect(init->peer, MESSAGE_PID, &pid, err);
    waitpid(intermediate, NULL, 0);
    return r < 0 ? r : pid;
}

/* In the child that clone3 did not put into the cgroup: a child of ours, or a cgroup namespace,
 * made before the runtime has moved us would be outside. */
static void wait_to_be_moved(const Init *init) {
    Error err;
    if (message_expect(init->channel, MESSAGE_MOVED, NULL, &err) < 0)
        _exit(1);
}

int init_clone(Init *init, Error *err) {
    uint64_t flags = (uint64_t)init->namespaces->create & ~(uint64_t)LATE_NAMESPACES;
    log_debug("nsexec container setup"); /* words of runc's log, for which its users look */
    bool intermediate = needs_intermediate(init->namespaces), moved;
    flags &= ~(uint64_t)(init->cgroup_follows ? CLONE_NEWNET : 0);
    pid_t pid = clone_into_cgroup(intermediate ? 0 : flags, init->cgroup, &moved);
    if (pid == 0) {
        close(init->peer);
        if (!moved)
            wait_to_be_moved(init);
        if (intermediate)
            run_intermediate(init, flags);
        init_run(init);
    }
    if (pid < 0)
        return error_set_errno(err, errno, "cannot clone the container's process");
    if (!moved) {
        int r = cgroup_add_unified(init->cgroup, pid, err);
        if (r < 0 && init->cgroup->v2) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
            return r;
        }
        TRY(message_send(init->peer, MESSAGE_MOVED, 0, err));
    }
    close(init->channel);
    init->channel = -1;
    return intermediate ? finish_intermediate(init, pid, err) : pid;
}
