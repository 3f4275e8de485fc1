// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/process.h"
#include "runtime/command/command.h"
#include "runtime/container/launch.h"

typedef struct KillOptions {
    bool all;
} KillOptions;

#define T KillOptions
static const Option options[] = {
    {'a', "all", OPTION_FLAG, offsetof(T, all), NULL,
        "send the signal to every process of the container"},
    {},
};
#undef T

/* The pidfd is opened before the identity is checked: from then on it means that process. */
static int kill_init(const Container *container, int signal_number, Error *err) {
    autoclose int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)container->record.pid.value, 0);
    if (pidfd < 0 || !container_is_alive(container))
        return error_set(err, ERROR_STATE, "container not running");
    if (syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0) < 0)
        return error_set_errno(err, errno, "cannot signal container '%s'", container->id);
    return 0;
}

/* Signal 0 only asks whether there is somebody (kill(2)). */
static int parse_signal(const char *text, int *ret, Error *err) {
    if (strcmp(text, "0") != 0)
        return signal_parse(text, ret, err);
    *ret = 0;
    return 0;
}

/* In the host's pid namespace init is one among others: they may outlive it. */
static bool has_processes(const Container *container) {
    Cgroup cgroup;
    container_load_cgroup(container, &cgroup);
    bool empty = cgroup_is_empty(&cgroup);
    cgroup_done(&cgroup);
    return !empty || container_is_alive(container);
}

static int send_signal(const Subject *subject, Error *err) {
    const Container *container = subject->container;
    const KillOptions *parsed = subject->options;
    int number;
    TRY(parse_signal(text_is_empty(*subject->words) ? "SIGTERM" : *subject->words, &number, err));
    bool shared = !container->record.own_pid_namespace.value && number == SIGKILL;
    if (parsed->all || shared)
        return parsed->all || has_processes(container)
                   ? container_signal_all(container, number, err)
                   : error_set(err, ERROR_STATE, "container not running");
    TRY(kill_init(container, number, err));
    return number == SIGKILL ? container_thaw(container, err) : 0;
}

const Command command_kill = {"kill", "ID [SIGNAL]",
    "send a signal (default SIGTERM) to the container's first process", NULL, options,
    .act = send_signal, .options_size = sizeof(KillOptions), .more_words = 1};
