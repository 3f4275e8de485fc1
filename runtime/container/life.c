// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/time.h"
#include "runtime/cgroup/full.h"
#include "runtime/cgroup/resctrl.h"
#include "runtime/container/attend.h"
#include "runtime/container/launch.h"
#include "runtime/init/hook.h"
#include "runtime/init/message.h"

/* What happens to a container after its creation, by other processes than the one that made it. */

enum {
    KILL_TIMEOUT_MS = 10000
};

static int not_waiting(const Container *container, Error *err) {
    return error_set(err, ERROR_STATE,
        container_is_alive(container) ? "cannot start an already running container"
                                      : "cannot start a container that has stopped");
}

static int knock(Container *container, const OciSpec *spec, Error *err) {
    autofree char *path = container_path(container, CONTAINER_START_SOCKET);
    autoclose int socket = -1;
    if (fd_connect(path, &socket, err) < 0)
        return not_waiting(container, err);
    /* the file is the state "created": were we killed later, init would run beside it; so it goes
     * first, and init ends when nobody speaks */
    TRY(file_remove(container->dir, CONTAINER_START_SOCKET, err));
    int r = message_send(socket, MESSAGE_START, 0, err);
    if (r >= 0)
        r = message_expect(socket, MESSAGE_READY, NULL, err);
    if (r == ERROR_UNAVAILABLE) /* our connection was never accepted */
        return not_waiting(container, err);
    TRY(r);
    Attendance attendance = {.channel = socket,
        .pid = (pid_t)container->record.pid.value,
        .spec = spec,
        .process = spec->process,
        .state = container_state(container, CONTAINER_CREATED, (int)container->record.pid.value),
        .agent_socket = -1};
    return attend_until_end(&attendance, err);
}

/* A poststart hook that fails ends the container (runtime.md#lifecycle, steps 9 and 12). */
static int run_poststart(Container *container, const OciSpec *spec, Error *err) {
    Error ignored;
    OciState state =
        container_state(container, CONTAINER_RUNNING, (int)container->record.pid.value);
    int r = hooks_run_poststart(spec->hooks, &state, err);
    if (r < 0 && container_kill_all(container, &ignored) >= 0)
        (void)container_destroy(container, spec, &ignored);
    return r;
}

int container_explain_death(const Container *container, Error *err) {
    Cgroup cgroup;
    container_load_cgroup(container, &cgroup);
    cgroup_explain_failure(&cgroup, true, err);
    cgroup_done(&cgroup);
    return err->code;
}

static int start(Container *container, const OciSpec *spec, Error *err) {
    if (knock(container, spec, err) < 0)
        return container_explain_death(container, err);
    return run_poststart(container, spec, err);
}

int container_start(Container *container, Error *err) {
    ContainerStatus status = container_status(container);
    OciSpec spec = {};
    if (status != CONTAINER_CREATED)
        return not_waiting(container, err);
    TRY(container_load_config(container, &spec, err));
    int r = start(container, &spec, err);
    json_done(&oci_spec_type, &spec);
    return r;
}

/* A pidfd names one process for ever; the start time says that it is ours. */
static int open_process(const Container *container) {
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)container->record.pid.value, 0);
    if (fd >= 0 && !container_is_alive(container)) {
        close(fd);
        return -1;
    }
    return fd;
}

static int wait_for_end(int pidfd, Error *err) {
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    int n;
    while ((n = poll(&wait, 1, KILL_TIMEOUT_MS)) < 0 && errno == EINTR)
        ;
    return n > 0 ? 0 : error_set(err, ERROR_TIMEOUT, "container init still running");
}

static int kill_cgroup(const Container *container, Error *err) {
    Cgroup cgroup;
    container_load_cgroup(container, &cgroup);
    int r = 0;
    for (int i = 0; r >= 0 && i < 100 && !cgroup_is_empty(&cgroup); i++) {
        r = cgroup_kill(&cgroup, SIGKILL, err);
        if (cgroup_is_frozen(&cgroup)) /* v1: a frozen process dies only when it is thawed */
            (void)cgroup_freeze(&cgroup, false, err);
        time_sleep((i < 10 ? 1 : 20) * TIME_MILLISECOND);
    }
    cgroup_done(&cgroup);
    return r;
}

static int freeze(const Container *container, bool on, Error *err) {
    Cgroup cgroup;
    container_load_cgroup(container, &cgroup);
    int r = cgroup_freeze(&cgroup, on, err);
    cgroup_done(&cgroup);
    return r;
}

int container_thaw(const Container *container, Error *err) {
    Cgroup cgroup;
    container_load_cgroup(container, &cgroup);
    int r = cgroup_is_frozen(&cgroup) ? cgroup_freeze(&cgroup, false, err) : 0;
    cgroup_done(&cgroup);
    return r;
}

int container_pause(const Container *container, Error *err) {
    ContainerStatus status = container_status(container);
    if (status != CONTAINER_RUNNING && status != CONTAINER_CREATED)
        return error_set(err, ERROR_STATE, "container not running or created: %s",
            container_status_name(status));
    return freeze(container, true, err);
}

int container_resume(const Container *container, Error *err) {
    if (container_status(container) != CONTAINER_PAUSED)
        return error_set(err, ERROR_STATE, "container not paused");
    return freeze(container, false, err);
}

int container_signal_all(const Container *container, int signal_number, Error *err) {
    Cgroup cgroup;
    container_load_cgroup(container, &cgroup);
    int r = cgroup_kill(&cgroup, signal_number, err);
    cgroup_done(&cgroup);
    TRY(r);
    return signal_number == SIGKILL ? container_thaw(container, err) : 0;
}

int container_kill_all(Container *container, Error *err) {
    autoclose int pidfd = container->record.pid.value > 0 ? open_process(container) : -1;
    if (pidfd >= 0)
        (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    TRY(kill_cgroup(container, err));
    return pidfd >= 0 ? wait_for_end(pidfd, err) : 0;
}

static int destroy(Container *container, const OciHooks *hooks, Error *err) {
    Cgroup cgroup;
    if (!container->record.own_pid_namespace.value)
        TRY(kill_cgroup(container, err));
    container_load_cgroup(container, &cgroup);
    int r = cgroup_remove(&cgroup, err);
    cgroup_done(&cgroup);
    TRY(r);
    TRY(resctrl_remove(container->record.resctrl, err));
    TRY(container_forget(container, err));
    OciState state = container_state(container, CONTAINER_STOPPED, 0);
    hooks_run_poststop(hooks, &state);
    return 0;
}

int container_destroy(Container *container, const OciSpec *spec, Error *err) {
    OciSpec loaded = {};
    Error ignored; /* what died while it was made may have no configuration yet */
    if (!spec)
        (void)container_load_config(container, &loaded, &ignored);
    int r = destroy(container, spec ? spec->hooks : loaded.hooks, err);
    json_done(&oci_spec_type, &loaded);
    return r;
}
