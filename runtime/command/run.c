// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "runtime/command/bundle.h"
#include "runtime/command/foreground.h"
#include "runtime/container/notify.h"

#define T BundleOptions
static const Option options[] = {BUNDLE_OPTIONS,
    {'d', "detach", OPTION_FLAG, offsetof(T, detach), NULL, "do not wait for the program's end"},
    {0, "keep", OPTION_FLAG, offsetof(T, keep), NULL, "do not delete the container after its end"},
    {0, "no-subreaper", OPTION_FLAG, offsetof(T, no_subreaper), NULL,
        "let orphans of the container go to the system's init"},
    {}};
#undef T

/* A program that did not start is a container that was never there. */
static int take_back(Launch *launch, int r) {
    Error ignored;
    kill(launch->pid, SIGKILL);
    waitpid(launch->pid, NULL, 0);
    (void)container_destroy(&launch->container, &launch->spec, &ignored);
    return r;
}

static int start(Launch *launch, int *ret_notify, Error *err) {
    TRY(notify_listen(&launch->container, ret_notify, err));
    return launch_start(launch, err);
}

static int run_attached(Launch *launch, const BundleOptions *parsed, int console, Error *err) {
    autoclose int master = -1, notify = -1;
    if (console >= 0) {
        TRY(fd_receive(console, &master, err));
        foreground_copy_size(master);
    }
    int r = start(launch, &notify, err);
    if (r < 0)
        return take_back(launch, r);
    Foreground foreground = {
        .pid = launch->pid, .master = master, .notify = notify, .subreaper = !parsed->no_subreaper};
    r = foreground_wait(foreground, err);
    if (r < 0 || parsed->keep)
        return r;
    TRY(container_destroy(&launch->container, &launch->spec, err));
    return r;
}

static int run_detached(Launch *launch, Error *err) {
    autoclose int notify = -1;
    int r = start(launch, &notify, err);
    if (r < 0)
        return take_back(launch, r);
    if (notify >= 0)
        notify_wait(notify, launch->pid);
    return 0;
}

static int run(const Globals *globals, int argc, char **argv, Error *err) {
    BundleOptions parsed = {};
    autodone(Launch) launch = {.channel = -1, .container.dir = -1};
    LaunchOptions wanted;
    int first;
    int r = command_parse(&command_run, argc, argv, 1, 1, &parsed, &first, err);
    if (r)
        return r < 0 ? r : 0;
    autofree char *bundle = NULL;
    TRY(bundle_options(globals, &parsed, &bundle, &wanted, err));
    int console[2] = {-1, -1};
    if (!parsed.detach) {
        if (!wanted.console_socket)
            TRY(foreground_open_console(console, err));
        foreground_begin();
    }
    if (!parsed.no_subreaper)
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    wanted.console_fd = console[1];
    TRY(launch_create(&launch, globals->root, argv[first], &wanted, err));
    bundle_warn(&launch);
    if (parsed.detach)
        return run_detached(&launch, err);
    bool terminal = launch.spec.process->terminal.value && console[0] >= 0;
    return run_attached(&launch, &parsed, terminal ? console[0] : -1, err);
}

const Command command_run = {"run", "ID", "make a container and run its program", run, options,
    .meets_container = true, .as_runc = "runc run failed"};
