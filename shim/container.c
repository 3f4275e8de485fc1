// SPDX-License-Identifier: Apache-2.0
#include "shim/container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "shim/containerd/options.h"
#include "shim/delegate.h"
#include "shim/life.h"
#include "shim/record.h"
#include "shim/rootfs/mount.h"
#include "shim/spec.h"
#include "shim/task.h"

enum {
    ID_MAX = 128
};

static const char init_pid_file[] = "init.pid", exec_pid_file[] = "exec.pid",
                  exec_spec_file[] = "exec.json";

/* Ids become file names and words of the runtime's command line. */
static int check_id(const char *what, const char *id, Error *err) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t n = strlen(id);
    if (n == 0 || n > ID_MAX || strspn(id, allowed) != n || strchr("_.-", *id))
        return error_set(err, ERROR_INVALID, "%s '%.140s' is not a valid name", what, id);
    return 0;
}

static int save_record(const Container *container, const char *attach_socket, Error *err) {
    const ShimRecord record = {.socket = container->shim->socket,
        .group = container->shim->group,
        .attach_socket = (char *)(uintptr_t)attach_socket,
        .runtime = container->runtime.binary,
        .runtime_root = container->runtime.root,
        .runtime_arguments = {texts_count(container->runtime.arguments),
            container->runtime.arguments},
        .delegate = (char *)delegate_program(container->runtime.delegate),
        .delegate_address = (char *)delegate_address(container->runtime.delegate),
        .name_space = (char *)(uintptr_t)container->shim->arguments->name_space,
        .engine = (char *)(uintptr_t)container->shim->arguments->address,
        .delegate_version = {true, delegate_version(container->runtime.delegate)},
        .exit_record = container->exit_record,
        .systemd_cgroup = {true, container->runtime.systemd_cgroup},
        .pid = {container->init.pid > 0, container->init.pid}};
    return shim_record_save(container->bundle, &record, err);
}

/* Runs `act` with the process's descriptors and, with a terminal, a console socket around it. */
typedef int (*RunProcess)(
    Container *container, Process *process, const RuntimeProcess *described, Error *err);

static int run_process(
    Container *container, Process *process, RunProcess act, const char *pid_file, Error *err) {
    ConsoleSocket console = CONSOLE_SOCKET_NULL;
    RuntimeProcess described = {
        .pid_file = pid_file, .exec_id = process->id, .terminal = process->terminal};
    bool console_wanted = process->terminal && !container->runtime.delegate;
    int master = -1;
    TRY(stdio_open(process->stdio, described.fds, err));
    for (int i = 0; i < 3; i++)
        described.paths[i] = stdio_fifo(process->stdio, i);
    int r = console_wanted ? console_socket_open(&console, container->bundle, err) : 0;
    described.console_socket = console.path;
    if (r >= 0)
        r = act(container, process, &described, err);
    stdio_close_child(described.fds);
    if (r >= 0 && console_wanted)
        r = console_socket_receive(&console, &master, err);
    console_socket_done(&console);
    if (master >= 0)
        stdio_set_terminal(process->stdio, master);
    else if (r >= 0 && process->terminal)
        stdio_resize(process->stdio, stdio_size(process->stdio));
    return r;
}

static int create_init(
    Container *container, Process *process, const RuntimeProcess *described, Error *err) {
    return runtime_create(&container->runtime, container->id, described, &process->pid, err);
}

/* The program may look at its terminal's size as soon as it runs: it must be right from the start.
 * Where the object has the key already, that one is the last and wins. */
static char *exec_spec(const Process *exec) {
    TerminalSize size = stdio_size(exec->stdio);
    const char *rest = strchr(exec->spec, '{');
    if (!exec->terminal || !rest || !size.rows || !size.columns)
        return text_copy(exec->spec);
    return text_format(
        "{\"consoleSize\":{\"height\":%u,\"width\":%u},%s", size.rows, size.columns, rest + 1);
}

static int exec_process(
    Container *container, Process *process, const RuntimeProcess *described, Error *err) {
    autofree char *path = path_join(container->bundle, exec_spec_file);
    autofree char *spec = exec_spec(process);
    TRY(file_write(AT_FDCWD, path, spec, strlen(spec), 0600, false, err));
    int r = runtime_exec(&container->runtime, container->id, described, path, &process->pid, err);
    Error ignored;
    file_remove(AT_FDCWD, path, &ignored);
    return r;
}

static Stdio *find_stdio(void *owner, const char *exec_id) {
    Container *container = owner;
    if (!*exec_id)
        return container->init.stdio;
    const Process *exec = container_find_exec(container, exec_id);
    return exec ? exec->stdio : NULL;
}

static void set_paths(Process *process, const char *in, const char *out, const char *error) {
    process->paths[0] = text_copy(in);
    process->paths[1] = text_copy(out);
    process->paths[2] = text_copy(error);
}

/* Best effort: before the delegate has the process there is nothing to tell it. */
static void relay_size(void *owner, TerminalSize size) {
    const Process *process = owner;
    Error ignored;
    if (process->pid > 0 && size.rows && size.columns)
        delegate_resize(process->container->runtime.delegate, process->id, size, &ignored);
}

static void relay_end_of_input(void *owner) {
    const Process *process = owner;
    Error err = {};
    if (process->pid > 0 &&
        delegate_close_input(process->container->runtime.delegate, process->id, &err) < 0)
        log_failure(LOG_LEVEL_DEBUG, &err);
}

static int open_stdio(Process *process, TerminalSize size, Error *err) {
    Container *container = process->container;
    StdioOptions stdio = {.loop = &container->shim->loop,
        .id = *process->id ? process->id : container->id,
        .name_space = container->shim->arguments->name_space,
        .farewells = &container->shim->farewells,
        .owner = container->io_owner,
        .apart = container->shim->group != NULL,
        .terminal = process->terminal};
    autofree char *fifos = container->runtime.delegate
                               ? text_format("%s/fifo-%s-", container->bundle, process->id)
                               : NULL;
    stdio.relay = (StdioRelay){fifos, relay_size, relay_end_of_input, process};
    for (int i = 0; i < 3; i++)
        stdio.paths[i] = process->paths[i];
    if (process == &container->init) {
        stdio.log = container->log;
        stdio.open_stdin = container->open_stdin;
        stdio.stdin_once = container->stdin_once;
    }
    TRY(stdio_new(&stdio, &process->stdio, err));
    if (size.rows && size.columns)
        stdio_resize(process->stdio, size);
    return 0;
}

static void log_ready(void *owner) {
    const Container *container = owner;
    if (container->init.stdio)
        stdio_update(container->init.stdio);
}

static int open_log(Container *container, const TaskLog *log, Error *err) {
    const LogSinkOptions options = {.settings = log->settings,
        .path = log->path,
        .id = container->id,
        .name = log->container_name,
        .image = log->image_name,
        .tag = log->tag,
        .attributes = log->attributes,
        .loop = &container->shim->loop,
        .apart = container->shim->group != NULL,
        .ready = log_ready,
        .owner = container};
    bool writes_file = output_driver_suffix(log->settings.driver) != NULL;
    return writes_file && !log->path ? 0 : log_sink_open(&options, &container->log, err);
}

static int set_up_outputs(Container *container, const TaskOptions *options, Error *err) {
    AttachOptions attach = {&container->shim->loop, options->attach_socket, find_stdio, container};
    TRY(open_log(container, &options->log, err));
    if (options->attach_socket)
        TRY(attach_server_new(&attach, &container->attach, err));
    return open_stdio(&container->init, options->terminal_size, err);
}

static void delegate_told(void *owner, const char *exec_id, int exit_code) {
    Container *container = owner;
    Process *process = *exec_id ? container_find_exec(container, exec_id) : &container->init;
    Error ignored;
    if (process)
        task_handle(process, TASK_EXITED, &(TaskRequest){.status = W_EXITCODE(exit_code & 0xff, 0)},
            &ignored);
}

static void set_up_delegate(Container *container, const TaskOptions *options,
    const Containerd__Task__V3__CreateTaskRequest *request) {
    const ShimArguments *arguments = container->shim->arguments;
    const DelegateOptions delegate = {.loop = &container->shim->loop,
        .program = options->delegate,
        .id = container->id,
        .bundle = container->bundle,
        .name_space = arguments->name_space,
        .engine = arguments->address,
        .events = container->shim->socket,
        .options = options->delegate_options,
        .rootfs = request->rootfs,
        .rootfs_n = request->n_rootfs,
        .exited = delegate_told,
        .owner = container};
    container->runtime.delegate = delegate_new(&delegate);
}

static int set_up_paths(Container *container, const TaskOptions *options,
    const Containerd__Task__V3__CreateTaskRequest *request, Error *err) {
    if (options->delegate)
        set_up_delegate(container, options, request);
    else
        TRY(runtime_find(options->runtime, &container->runtime.binary, err));
    container->runtime.arguments = texts_copy(options->runtime_arguments);
    container->runtime.root = text_copy(options->runtime_root);
    container->runtime.loop = &container->shim->loop;
    container->runtime.bundle = text_copy(container->bundle);
    container->runtime.log = path_join(container->bundle, "log.json");
    container->runtime.no_pivot = options->no_pivot;
    container->runtime.no_new_keyring = options->no_new_keyring;
    container->rootfs = path_join(container->bundle, "rootfs");
    container->exit_record = options->exit_record ? text_copy(options->exit_record)
                                                  : path_join(container->bundle, "exit.json");
    TRY(file_remove(AT_FDCWD, container->exit_record, err)); /* of an earlier life */
    SpecFacts facts;
    TRY(spec_read(container->bundle, &facts, err));
    container->private_pids = facts.private_pids;
    /* containerd's CRI names units where its clients' driver is systemd, and cannot give options to
     * a shim that is not its own when the pod has a user namespace */
    container->runtime.systemd_cgroup =
        options->systemd_cgroup || (facts.unit && !options->of_tare);
    return 0;
}

static int restore_init(
    Container *container, Process *process, const RuntimeProcess *described, Error *err) {
    autofree char *work = container->criu_work ? text_copy(container->criu_work)
                                               : path_join(container->bundle, "criu-work");
    return runtime_restore(&container->runtime, container->id, described, container->checkpoint,
        work, &process->pid, err);
}

static int make_task(Container *container, RunProcess make, Error *err) {
    Error ignored;
    if (container->runtime.delegate) {
        TRY(delegate_start(container->runtime.delegate, err));
        TRY(save_record(container, attach_server_path(container->attach), err));
    }
    TRY(run_process(container, &container->init, make, init_pid_file, err));
    if (cgroup_open(&container->cgroup, container->init.pid, &ignored) < 0)
        log_failure(LOG_LEVEL_DEBUG, &ignored);
    container->oom_killed = false;
    oom_begin(&container->oom, container);
    return save_record(container, attach_server_path(container->attach), err);
}

/* A file system that does not answer holds only this container. */
static int mount_rootfs(const Container *container,
    const Containerd__Task__V3__CreateTaskRequest *request, Error *err) {
    Loop *loop = &container->shim->loop;
    loop_leave(loop);
    int r = mount_all(request->rootfs, request->n_rootfs, container->rootfs, err);
    loop_enter(loop);
    return r;
}

static int create(Container *container, const Containerd__Task__V3__CreateTaskRequest *request,
    const TaskOptions *options, Error *err) {
    TRY(set_up_paths(container, options, request, err));
    TRY(save_record(container, options->attach_socket, err)); /* before there is anything to undo */
    TRY(set_up_outputs(container, options, err));
    if (!container->runtime.delegate) /* which mounts it itself */
        TRY(mount_rootfs(container, request, err));
    return container->checkpoint ? 0 : make_task(container, create_init, err);
}

static void warn(int r, const Error *err) {
    if (r < 0)
        log_failure(LOG_LEVEL_WARNING, err);
}

int container_create(Shim *shim, const Containerd__Task__V3__CreateTaskRequest *request,
    Container **ret, Error *err) {
    TaskOptions options = {};
    TRY(check_id("container id", request->id, err));
    if (container_find(shim, request->id))
        return error_set(err, ERROR_EXISTS, "container '%s' exists already", request->id);
    if (!path_is_absolute(request->bundle))
        return error_set(
            err, ERROR_INVALID, "bundle '%s' is not an absolute path", request->bundle);
    if (*request->checkpoint && !path_is_absolute(request->checkpoint))
        return error_set(
            err, ERROR_INVALID, "checkpoint '%s' is not an absolute path", request->checkpoint);
    TRY(task_options_decode(request->options, shim->arguments->name_space, &options, err));
    ttrpc_server_tell_reasons(shim->server, options.of_tare);
    Container *container = new (Container);
    *container = (Container){.next = shim->containers,
        .shim = shim,
        .creating = true,
        .id = text_copy(request->id),
        .bundle = text_copy(request->bundle),
        .checkpoint = *request->checkpoint ? text_copy(request->checkpoint) : NULL,
        .cgroup = CGROUP_NULL,
        .criu_work = text_copy(options.criu_work),
        .io_owner = options.io_owner,
        .open_stdin = options.open_stdin,
        .stdin_once = options.stdin_once,
        .restart = options.restart,
        .restart_timer = {.handle = life_restart, .owner = container},
        .revision = 1};
    if (options.health.process || options.health.url)
        container->health = health_new(container, &options.health);
    process_init(&container->init, container, "");
    container->init.terminal = request->terminal;
    set_paths(&container->init, request->stdin, request->stdout, request->stderr);
    shim->containers = container; /* what SIGCHLD looks at */
    int r = create(container, request, &options, err);
    task_options_done(&options);
    if (r < 0) {
        Error problem = {};
        warn(container_end(container, &problem), &problem);
        container_free(container);
        return r;
    }
    container->creating = false;
    *ret = container;
    return 0;
}

int container_end(Container *container, Error *err) {
    Loop *loop = &container->shim->loop;
    if (container->runtime.log)
        TRY(runtime_delete(&container->runtime, container->id, err));
    loop_leave(loop);
    int r = container->rootfs ? mount_remove_all(container->rootfs, err) : 0;
    loop_enter(loop);
    return r;
}

static void leave(const Container *container) {
    for (Container **at = &container->shim->containers; *at; at = &(*at)->next)
        if (*at == container) {
            *at = container->next;
            return;
        }
}

Container *container_free(Container *container) {
    Shim *shim = container->shim;
    leave(container);
    loop_disarm(&shim->loop, &container->restart_timer);
    container->health = health_free(container->health);
    container_changed(container); /* those who watch find it gone */
    while (container->execs)
        container_remove_exec(container, container->execs);
    attach_server_forget(container->attach, container->init.stdio);
    attach_server_close(container->attach, &shim->farewells);
    process_done(&container->init);
    container->log = log_sink_free(container->log);
    oom_done(&container->oom);
    cgroup_done(&container->cgroup);
    runtime_done(&container->runtime);
    free(container->id);
    free(container->bundle);
    free(container->rootfs);
    free(container->criu_work);
    free(container->exit_record);
    free(container->checkpoint);
    free(container);
    return NULL;
}

void container_changed(Container *container) {
    container->revision++;
    ttrpc_server_wake(container->shim->server, &container->revision);
}

/* Clients that are attached have been told of the end and keep what they were sent; those who come
 * from now on see the next life. */
void container_forget_life(Container *container) {
    Process *init = &container->init;
    Error err = {};
    TerminalSize size = stdio_size(init->stdio);
    attach_server_forget(container->attach, init->stdio);
    init->stdio = stdio_free(init->stdio);
    warn(open_stdio(init, size, &err), &err);
    oom_done(&container->oom);
    cgroup_done(&container->cgroup);
    init->pid = 0;
}

int container_recreate(Container *container, Error *err) {
    Error ignored;
    if (runtime_delete(&container->runtime, container->id, &ignored) < 0)
        log_failure(LOG_LEVEL_DEBUG, &ignored);
    return make_task(container, create_init, err);
}

/* Later lives begin anew. */
int container_restore(Container *container, Error *err) {
    TRY(make_task(container, restore_init, err));
    free(take_ptr(&container->checkpoint));
    return 0;
}

Container *container_find(const Shim *shim, const char *id) {
    for (Container *container = shim->containers; container; container = container->next)
        if (strcmp(container->id, id) == 0)
            return container;
    return NULL;
}

Process *container_find_process(const Shim *shim, pid_t pid) {
    for (Container *container = shim->containers; container; container = container->next) {
        if (container->init.pid == pid)
            return &container->init;
        for (Process *exec = container->execs; exec; exec = exec->next)
            if (exec->pid == pid)
                return exec;
    }
    return NULL;
}

Process *container_find_exec(Container *container, const char *id) {
    for (Process *exec = container->execs; exec; exec = exec->next)
        if (strcmp(exec->id, id) == 0)
            return exec;
    return NULL;
}

int container_add_exec(
    Container *container, const Containerd__Task__V3__ExecProcessRequest *request, Error *err) {
    TRY(check_id("exec id", request->exec_id, err));
    if (container_find_exec(container, request->exec_id))
        return error_set(err, ERROR_EXISTS, "exec '%s' exists already", request->exec_id);
    if (!request->spec || request->spec->value.len == 0)
        return error_set(err, ERROR_INVALID, "exec '%s' has no process", request->exec_id);
    Process *exec = new (Process);
    process_init(exec, container, request->exec_id);
    exec->terminal = request->terminal;
    exec->spec = text_copy_n((const char *)request->spec->value.data, request->spec->value.len);
    set_paths(exec, request->stdin, request->stdout, request->stderr);
    exec->next = container->execs;
    container->execs = exec;
    return open_stdio(exec, (TerminalSize){}, err);
}

void container_remove_exec(Container *container, Process *exec) {
    for (Process **at = &container->execs; *at; at = &(*at)->next)
        if (*at == exec) {
            *at = exec->next;
            break;
        }
    attach_server_forget(container->attach, exec->stdio);
    process_done(exec);
    ttrpc_server_wake(container->shim->server, exec); /* those who wait find it gone */
    free(exec);
}

int container_start_exec(Process *exec, Error *err) {
    return run_process(exec->container, exec, exec_process, exec_pid_file, err);
}
