// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/join.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/cgroup/enter.h"
#include "runtime/cgroup/full.h"
#include "runtime/cgroup/resctrl.h"
#include "runtime/container/attend.h"
#include "runtime/container/launch.h"
#include "runtime/container/pidfd.h"
#include "runtime/init/affinity.h"
#include "runtime/init/message.h"

/* What the joining process inherits. */
typedef struct Join {
    Namespaces namespaces;
    Cgroup cgroup;
    Seccomp seccomp;
    Init init;
    pid_t pid;
    int agent_socket, pidfd_socket;
} Join;

static void join_done(Join *join) {
    namespaces_done(&join->namespaces);
    cgroup_done(&join->cgroup);
    seccomp_done(&join->seccomp);
    if (join->init.channel >= 0)
        close(join->init.channel);
    if (join->init.peer >= 0)
        close(join->init.peer);
    if (join->init.console_socket >= 0)
        close(join->init.console_socket);
    if (join->agent_socket >= 0)
        close(join->agent_socket);
    if (join->pidfd_socket >= 0)
        close(join->pidfd_socket);
}

static int open_console(
    const OciProcess *process, const JoinOptions *options, int *ret_fd, Error *err) {
    if (!process->terminal.value && options->console_socket)
        return error_set(err, ERROR_INVALID,
            "cannot use console socket if runtime will not detach or allocate tty");
    if (!process->terminal.value)
        return 0;
    if (options->console_socket)
        return fd_connect(options->console_socket, ret_fd, err);
    if (options->console_fd < 0)
        return error_set(err, ERROR_INVALID,
            "cannot allocate tty if runtime will detach without setting console socket");
    *ret_fd = fcntl(options->console_fd, F_DUPFD_CLOEXEC, 3);
    return 0;
}

static int check_status(const Container *container, const JoinOptions *options, Error *err) {
    ContainerStatus status = container_status(container);
    if (status == CONTAINER_STOPPED)
        return error_set(err, ERROR_STATE, "cannot exec in a stopped container");
    if (status == CONTAINER_CREATING)
        return error_set(err, ERROR_STATE, "cannot exec in a container that is being created");
    if (status == CONTAINER_PAUSED && !options->ignore_paused)
        return error_set(err, ERROR_STATE, "cannot exec in a paused container");
    return 0;
}

static int prepare(Join *join, const Container *container, const OciSpec *spec,
    const OciProcess *process, const JoinOptions *options, Error *err) {
    Init *init = &join->init;
    int pair[2];
    TRY(open_console(process, options, &init->console_socket, err));
    capabilities_parse(process->capabilities, &init->capabilities);
    TRY(seccomp_of_spec(spec, container->root, &join->seccomp, err));
    if (join->seccomp.notifies)
        TRY(seccomp_connect_agent(spec->linux->seccomp, &join->agent_socket, err));
    TRY(pidfd_connect(options->pidfd_socket, &join->pidfd_socket, err));
    container_load_cgroup(container, &join->cgroup);
    join->cgroup.first_pid = (int)container->record.pid.value;
    TRY(cgroup_select(&join->cgroup, options->cgroups, options->cgroups_n, err));
    TRY(cgroup_open(&join->cgroup, err));
    TRY(namespaces_init_of_process(&join->namespaces, (pid_t)container->record.pid.value, err));
    /* the pid may have been used anew while its namespaces were opened */
    if (!container_is_alive(container))
        return error_set(err, ERROR_STATE, "cannot exec in a stopped container");
    TRY(message_pair(pair, err));
    init->peer = pair[0];
    init->channel = pair[1];
    init->spec = spec;
    init->process = process;
    init->id = container->id;
    init->state = container_state(container, CONTAINER_RUNNING, 0);
    init->namespaces = &join->namespaces;
    init->cgroup = &join->cgroup;
    init->seccomp = &join->seccomp;
    init->terminal_is_relayed = options->console_fd >= 0;
    init->preserve_fds = options->preserve_fds;
    init->says_ready = init_may_ask(init);
    return 0;
}

static int run(Join *join, const Container *container, const OciProcess *process,
    const JoinOptions *options, Error *err) {
    TRY(affinity_begin(process->exec_cpu_affinity, err));
    int pid = init_clone(&join->init, err);
    if (pid < 0)
        return pid;
    join->pid = pid;
    cgroup_close(&join->cgroup); /* init has its own: done while it works, not when it has begun */
    namespaces_done(&join->namespaces);
    if (init_waits_for_runtime(&join->init))
        TRY(message_send(join->init.peer, MESSAGE_MAPPED, 0, err));
    TRY(resctrl_add(join->init.spec->linux->intel_rdt, container->id, pid, err));
    TRY(pidfd_send(join->pidfd_socket, pid, "setns", err));
    const Attendance attendance = {.channel = join->init.peer,
        .pid = pid,
        .spec = join->init.spec,
        .process = process,
        .state = container_state(container, CONTAINER_RUNNING, (int)container->record.pid.value),
        .agent_socket = join->agent_socket};
    if (join->init.says_ready)
        TRY(attend_until_ready(&attendance, err));
    TRY(attend_start(&attendance, err));
    return launch_write_pid_file(options->pid_file, pid, err);
}

int container_join(const Container *container, const OciSpec *spec, const OciProcess *process,
    const JoinOptions *options, pid_t *ret_pid, Error *err) {
    Join join = {.agent_socket = -1,
        .pidfd_socket = -1,
        .init = {.channel = -1,
            .peer = -1,
            .listener = -1,
            .console_socket = -1,
            .hook_output = HOOK_OUTPUT_NONE,
            .is_exec = true}};
    namespaces_clear(&join.namespaces);
    TRY(check_status(container, options, err));
    int r = prepare(&join, container, spec, process, options, err);
    r = r < 0 ? r : run(&join, container, process, options, err);
    if (r < 0)
        cgroup_explain_failure(&join.cgroup, false, err);
    if (r < 0 && join.pid > 0) {
        kill(join.pid, SIGKILL);
        waitpid(join.pid, NULL, 0);
    }
    *ret_pid = join.pid;
    join_done(&join);
    return r;
}
