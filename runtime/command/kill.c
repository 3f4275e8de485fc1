// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/process.h"
#include "runtime/command/every.h"
#include "runtime/container/launch.h"

typedef struct KillOptions {
    bool all, regex;
    int signal;
} KillOptions;

#define T KillOptions
static const Option options[] = {
    {'a', "all", OPTION_FLAG, offsetof(T, all), NULL,
        "send the signal to every process of the container"},
    {'r', "regex", OPTION_FLAG, offsetof(T, regex), NULL,
        "ID is a regular expression: every container that it matches"},
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

static int send_signal(const Globals *globals, const char *id, void *argument, Error *err) {
    const KillOptions *parsed = argument;
    autodone(Container) container = {.dir = -1};
    TRY(container_load(&container, globals->root, id, err));
    bool shared = !container.record.own_pid_namespace.value && parsed->signal == SIGKILL;
    if (parsed->all || shared)
        return parsed->all || has_processes(&container)
                   ? container_signal_all(&container, parsed->signal, err)
                   : error_set(err, ERROR_STATE, "container not running");
    TRY(kill_init(&container, parsed->signal, err));
    return parsed->signal == SIGKILL ? container_thaw(&container, err) : 0;
}

static int run(const Globals *globals, int argc, char **argv, Error *err) {
    KillOptions parsed = {};
    int first;
    int r = command_parse(&command_kill, argc, argv, 1, 2, &parsed, &first, err);
    if (r)
        return r < 0 ? r : 0;
    const char *word = argc - first > 1 ? argv[first + 1] : NULL;
    TRY(parse_signal(text_is_empty(word) ? "SIGTERM" : word, &parsed.signal, err));
    return parsed.regex ? every_container(globals, argv[first], send_signal, &parsed, err)
                        : send_signal(globals, argv[first], &parsed, err);
}

const Command command_kill = {"kill", "ID [SIGNAL]",
    "send a signal (default SIGTERM) to the container's first process", run, options};
