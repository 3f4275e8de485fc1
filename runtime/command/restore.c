// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/path.h"
#include "runtime/command/criu.h"
#include "runtime/command/foreground.h"

typedef struct RestoreArguments {
    SharedCriuOptions shared;
    const char *bundle, *console_socket, *pid_file, *lsm_profile, *lsm_mount_context;
    bool detach, no_subreaper, no_pivot, tcp_close;
} RestoreArguments;

#define T RestoreArguments
static const Option options[] = {{'b', "bundle", OPTION_TEXT, offsetof(T, bundle), "directory",
                                     "the bundle (default: the current directory)"},
    {0, "console-socket", OPTION_TEXT, offsetof(T, console_socket), "socket",
        "unix socket that receives the terminal's descriptor"},
    {0, "pid-file", OPTION_TEXT, offsetof(T, pid_file), "file", "write the process's pid there"},
    {'d', "detach", OPTION_FLAG, offsetof(T, detach), NULL, "do not wait for the program's end"},
    SHARED_CRIU_OPTIONS,
    {0, "tcp-close", OPTION_FLAG, offsetof(T, tcp_close), NULL,
        "restore TCP connections as closed ones"},
    {0, "lsm-profile", OPTION_TEXT, offsetof(T, lsm_profile), "type:name",
        "security profile of the processes: apparmor:NAME or selinux:LABEL"},
    {0, "lsm-mount-context", OPTION_TEXT, offsetof(T, lsm_mount_context), "context",
        "SELinux context of mounts"},
    {0, "no-subreaper", OPTION_FLAG, offsetof(T, no_subreaper), NULL, NULL},
    {0, "no-pivot", OPTION_FLAG, offsetof(T, no_pivot), NULL, NULL}, {}};
#undef T

/* From here on it is as with `run`. */
static int wait_in_foreground(Launch *launch, int console, Error *err) {
    autoclose int master = -1;
    if (console >= 0) {
        TRY(fd_receive(console, &master, err));
        foreground_copy_size(master);
    }
    int r = foreground_wait((Foreground){.pid = launch->pid, .master = master, .notify = -1}, err);
    TRY(r);
    TRY(container_destroy(&launch->container, &launch->spec, err));
    return r;
}

static int restore(const Globals *globals, const char *id, const RestoreArguments *parsed,
    CheckpointOptions *wanted, Error *err) {
    autodone(Launch) launch = {.channel = -1, .container.dir = -1};
    autofree char *bundle = path_absolute(parsed->bundle ? parsed->bundle : ".");
    LaunchOptions launch_options = {.bundle = bundle,
        .console_socket = parsed->console_socket,
        .console_fd = -1,
        .pid_file = parsed->pid_file,
        .systemd_cgroup = globals->systemd_cgroup,
        .no_cgroup = globals->no_cgroup};
    int console[2] = {-1, -1};
    TRY(command_parse_rootless(globals, &launch_options.rootless, err));
    if (!parsed->detach) {
        if (!launch_options.console_socket)
            TRY(foreground_open_console(console, err));
        foreground_begin();
    }
    launch_options.console_fd = console[1];
    TRY(container_restore(&launch, globals->root, id, &launch_options, wanted, err));
    if (parsed->detach)
        return 0;
    bool terminal = launch.spec.process->terminal.value && console[0] >= 0;
    return wait_in_foreground(&launch, terminal ? console[0] : -1, err);
}

static int run(const Globals *globals, int argc, char **argv, Error *err) {
    autodone(CheckpointOptions) wanted = {.images = IMAGES_INIT};
    RestoreArguments parsed = {};
    int first;
    int r = command_parse(&command_restore, argc, argv, 1, 1, &parsed, &first, err);
    if (r)
        return r < 0 ? r : 0;
    TRY(criu_shared_options(&parsed.shared, "restore.log", false, &wanted, err));
    wanted.criu.tcp_close = parsed.tcp_close;
    wanted.criu.lsm_profile = parsed.lsm_profile;
    wanted.criu.lsm_mount_context = parsed.lsm_mount_context;
    return restore(globals, argv[first], &parsed, &wanted, err);
}

const Command command_restore = {
    "restore", "ID", "thaw a container from image files", run, options, .meets_container = true};
