// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "proto/containerd/services/events/ttrpc/v1/events.pb-c.h"
#include "proto/containerd/task/v3/task.pb-c.h"
#include "shim/container.h"
#include "shim/delegate.h"
#include "shim/group.h"
#include "shim/log/apart.h"
#include "shim/record.h"
#include "shim/shim.h"
#include "shim/task.h"
#include "shim/work.h"

/* The server: one loop. Started by start.c with the listening socket as descriptor 3,
 * in the bundle, as leader of a session; its standard error is the shim's log. */
enum {
    LISTENER_FD = 3,
    RETURN_SIZE = 32768
};

static const int64_t idle_timeout = 60 * TIME_SECOND, /* without container and connection */
    end_poll = 2 * TIME_MILLISECOND, end_timeout = 10 * TIME_SECOND,
                     publish_timeout = 2 * TIME_SECOND; /* events that containerd does not take */

static bool was_probe(const Shim *shim, pid_t pid, int status) {
    for (const Container *container = shim->containers; container; container = container->next)
        if (health_reaped(container->health, pid, status))
            return true;
    return false;
}

/* pid: as for waitpid(2). */
static bool reap_one(Shim *shim, pid_t pid) {
    int status;
    struct rusage usage;
    if ((pid = wait4(pid, &status, WNOHANG, &usage)) <= 0)
        return false;
    Error err = {};
    Process *process = container_find_process(shim, pid);
    if (process && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        oom_killed(&process->container->oom, process, &usage);
    if (!publisher_reaped(shim->publisher, pid) && !was_probe(shim, pid, status) && process)
        task_handle(process, TASK_EXITED, &(TaskRequest){.status = status}, &err);
    return true;
}

static void reap_process(Shim *shim, const Process *process) {
    bool runs = process->state == PROCESS_CREATED || process->state == PROCESS_RUNNING ||
                process->state == PROCESS_PAUSED;
    if (runs && process->pid > 0)
        reap_one(shim, process->pid);
}

/* The exit of the container's own program is the last one that is told. */
static void reap_container(Shim *shim, const Container *container) {
    pid_t probe = health_probe(container->health);
    if (work_is_for(shim, container->id))
        return;
    if (probe > 0)
        reap_one(shim, probe);
    for (const Process *exec = container->execs; exec; exec = exec->next)
        reap_process(shim, exec);
    reap_process(shim, &container->init);
}

/* The only place where children are reaped but for those that the runtime module waits for, which
 * only it may reap. As a subreaper we also inherit orphans, of which nobody wants to know. */
static void reap(Shim *shim) {
    if (!shim->works) {
        while (reap_one(shim, -1))
            ;
        return;
    }
    if (publisher_child(shim->publisher) > 0)
        reap_one(shim, publisher_child(shim->publisher));
    for (const Container *container = shim->containers; container; container = container->next)
        reap_container(shim, container);
}

static bool is_needed(const Shim *shim) {
    return shim->containers || shim->works;
}

void shim_settle(Shim *shim) {
    reap(shim);
    if (!is_needed(shim) && !shim->end_deadline)
        loop_arm(&shim->loop, &shim->end_timer, idle_timeout);
}

static void on_signal(void *owner, uint32_t events) {
    Shim *shim = owner;
    struct signalfd_siginfo info;
    while (read(shim->signal_source.fd, &info, sizeof info) == sizeof info)
        if (info.ssi_signo == SIGCHLD)
            continue;
        else if (!is_needed(shim))
            shim_end(shim);
        else
            log_info("signal %u is ignored: container '%s' exists", info.ssi_signo,
                shim->containers ? shim->containers->id : shim->arguments->id);
    reap(shim);
}

static void on_server(void *owner, uint32_t events) {
    Shim *shim = owner;
    ttrpc_server_dispatch(shim->server);
    if (!is_needed(shim) && !shim->end_deadline)
        loop_arm(&shim->loop, &shim->end_timer, idle_timeout);
}

static void on_end_timer(void *owner, uint32_t events) {
    Shim *shim = owner;
    if (!shim->end_deadline) {
        if (!is_needed(shim) && ttrpc_server_connections(shim->server) == 0)
            shim_end(shim);
        else if (!is_needed(shim))
            loop_arm(&shim->loop, &shim->end_timer, idle_timeout);
        return;
    }
    int64_t left = shim->end_deadline - time_monotonic();
    bool published = publisher_is_idle(shim->publisher) || left < end_timeout - publish_timeout;
    if ((shim->farewells == 0 && published && log_apart_is_idle()) || left < 0)
        loop_stop(&shim->loop);
    else
        loop_arm(&shim->loop, &shim->end_timer, end_poll);
}

void shim_end(Shim *shim) {
    if (shim->end_deadline || is_needed(shim))
        return;
    shim->end_deadline = time_monotonic() + end_timeout;
    loop_arm(&shim->loop, &shim->end_timer, end_poll); /* the reply to Shutdown goes out first */
}

void shim_expect(Shim *shim, bool expecting) {
    shim->expecting = expecting;
    shim->end_deadline = 0;
    loop_arm(&shim->loop, &shim->end_timer, idle_timeout);
}

static int watch_signals(Shim *shim, Error *err) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_SETMASK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        return error_set_errno(err, errno, "cannot watch for children");
    shim->signal_source = (LoopSource){.fd = fd, .handle = on_signal, .owner = shim};
    loop_watch(&shim->loop, &shim->signal_source, EPOLLIN);
    return 0;
}

static int watch_calls(Shim *shim, const TtrpcService *services, Error *err) {
    TRY(fd_set_cloexec(LISTENER_FD, true, err));
    listen(LISTENER_FD, SHIM_BACKLOG); /* from now on SO_PEERCRED names us, and not `start` */
    TRY(ttrpc_server_new(LISTENER_FD, services, &shim->server, err));
    shim->server_source =
        (LoopSource){.fd = ttrpc_server_fd(shim->server), .handle = on_server, .owner = shim};
    loop_watch(&shim->loop, &shim->server_source, EPOLLIN);
    loop_arm(&shim->loop, &shim->end_timer, idle_timeout);
    return 0;
}

static void shim_done(Shim *shim) {
    Error ignored;
    if (shim->group)
        group_forget(shim->group, shim->socket);
    file_remove(AT_FDCWD, shim->socket, &ignored);
    ttrpc_server_free(shim->server);
    publisher_free(shim->publisher);
    loop_done(&shim->loop);
    free(shim->socket);
    free(shim->group);
}

/* start has written it into the bundle of the first container, our working directory. */
static int take_record(Shim *shim, Error *err) {
    ShimRecord record = {};
    TRY(shim_record_load(".", &record, err));
    shim->socket = take_ptr(&record.socket);
    shim->group = take_ptr(&record.group);
    shim_record_done(&record);
    return shim->socket ? 0 : error_set(err, ERROR_INVALID, "no socket in '" SHIM_RECORD_NAME "'");
}

int shim_serve(const ShimArguments *arguments, Error *err) {
    Shim shim = {.arguments = arguments, .end_timer = {.handle = on_end_timer, .owner = &shim}};
    const TtrpcService services[] = {
        {&containerd__task__v3__task__descriptor, shim_service_names, shim_handle, &shim},
        {&tare__shim__v1__shim__descriptor, shim_watch_names, shim_watch_handle, &shim},
        {&containerd__services__events__ttrpc__v1__events__descriptor, delegate_events_names,
            delegate_events_handle, &shim},
        {},
    };
    const PublisherOptions publisher = {.loop = &shim.loop,
        .name_space = arguments->name_space,
        .ttrpc_address = getenv("TTRPC_ADDRESS"),
        .binary = arguments->publish_binary,
        .address = arguments->address};
    /* buffers go back to the kernel when they are freed: a shim lives long, and there are many */
    mallopt(M_MMAP_THRESHOLD, RETURN_SIZE);
    mallopt(M_TRIM_THRESHOLD, RETURN_SIZE);
    mallopt(M_ARENA_MAX, 1); /* threads wait for disks and have little to allocate */
    TRY(take_record(&shim, err));
    TRY(loop_init(&shim.loop, err));
    shim.publisher = publisher_new(&publisher);
    TRY(watch_signals(&shim, err));
    TRY(watch_calls(&shim, services, err));
    int r = loop_run(&shim.loop, err);
    shim_done(&shim);
    return r;
}
