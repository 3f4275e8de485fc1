// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/process.h"
#include "runtime/cgroup/enter.h"
#include "runtime/cgroup/full.h"
#include "runtime/cgroup/resctrl.h"
#include "runtime/container/attend.h"
#include "runtime/container/config.h"
#include "runtime/container/notify.h"
#include "runtime/container/pidfd.h"
#include "runtime/init/message.h"
#include "runtime/namespace/mapping.h"
#include "runtime/namespace/network_device.h"

/* What is needed only while launching, and inherited by init. */
struct Plan {
    const LaunchOptions *options;
    Namespaces namespaces;
    Cgroup cgroup;
    Rootfs rootfs;
    Seccomp seccomp;
    Init init;
    int agent_socket; /* of linux.seccomp.listenerPath */
    int pidfd_socket;
    CgroupDelegation delegation; /* by annotation; below NULL: none */
    bool cgroup_made;
};

static void plan_free(Plan *plan) {
    if (!plan)
        return;
    namespaces_done(&plan->namespaces);
    rootfs_done(&plan->rootfs);
    cgroup_done(&plan->cgroup);
    seccomp_done(&plan->seccomp);
    if (plan->init.channel >= 0)
        close(plan->init.channel);
    if (plan->init.listener >= 0)
        close(plan->init.listener);
    if (plan->init.console_socket >= 0)
        close(plan->init.console_socket);
    hook_output_done(&plan->init.hook_output);
    if (plan->agent_socket >= 0)
        close(plan->agent_socket);
    if (plan->pidfd_socket >= 0)
        close(plan->pidfd_socket);
    free(plan);
}

static Plan *plan_new(const LaunchOptions *options) {
    Plan *plan = new (Plan);
    plan->options = options;
    plan->rootfs = ROOTFS_NONE;
    plan->agent_socket = plan->pidfd_socket = -1;
    plan->init.hook_output = (HookOutput)HOOK_OUTPUT_NONE;
    plan->init.channel = plan->init.peer = plan->init.listener = plan->init.console_socket = -1;
    namespaces_clear(&plan->namespaces);
    return plan;
}

static int describe(Launch *launch, const Plan *plan, Error *err) {
    const ContainerOrigin origin = {.spec = &launch->spec,
        .bundle = plan->options->bundle,
        .cgroup = &plan->cgroup,
        .own_pid_namespace = plan->namespaces.create & CLONE_NEWPID};
    container_describe(&launch->container, &origin);
    return container_save(&launch->container, err);
}

int launch_open_console(
    const OciProcess *process, const LaunchOptions *options, int *ret_fd, Error *err) {
    bool given = options->console_socket || options->console_fd >= 0;
    if (process->terminal.value && !given)
        return error_set(err, ERROR_INVALID,
            "cannot allocate tty if runtime will detach without setting console socket");
    if (!process->terminal.value && options->console_socket)
        return error_set(err, ERROR_INVALID,
            "cannot use console socket if runtime will not detach or allocate tty");
    if (options->console_socket) {
        if (fd_connect(options->console_socket, ret_fd, err) < 0)
            return error_prefix(err, "console socket");
        return 0;
    }
    *ret_fd = options->console_fd >= 0 ? fcntl(options->console_fd, F_DUPFD_CLOEXEC, 3) : -1;
    return 0;
}

static int open_listener(Launch *launch, Plan *plan, Error *err) {
    autofree char *path = container_path(&launch->container, CONTAINER_START_SOCKET);
    return plan->options->wait_for_start ? fd_listen(path, 0600, 1, &plan->init.listener, err) : 0;
}

/* With no_new_privs the filter is loaded by `start`, if that comes: then it is `start` who
 * connects. */
static int open_agent(const OciSpec *spec, Plan *plan, Error *err) {
    bool late = spec->process->no_new_privileges.value && plan->options->wait_for_start;
    if (!plan->seccomp.notifies || late)
        return 0;
    return seccomp_connect_agent(spec->linux->seccomp, &plan->agent_socket, err);
}

static int open_hook_output(const OciSpec *spec, HookOutput *ret, Error *err) {
    bool used = spec->hooks && (spec->hooks->create_container.n || spec->hooks->start_container.n);
    return used ? hook_output_open(&spec->annotations, ret, err) : 0;
}

static bool has_runtime_hooks(const OciSpec *spec) {
    return spec->hooks && (spec->hooks->prestart.n || spec->hooks->create_runtime.n);
}

/* sd_listen_fds(3): the program is the first process of its namespace, or takes this on trust. */
static void announce_sockets(OciProcess *process, unsigned listen_fds) {
    if (!listen_fds)
        return;
    autofree char *variable = text_format("LISTEN_FDS=%u", listen_fds);
    json_texts_add(&process->env, variable);
    json_texts_add(&process->env, "LISTEN_PID=1");
}

/* The host's id of the user who gets a cgroup; -1: a runtime without privileges gives none away. */
static int64_t owner_of_cgroup(const OciSpec *spec, const Plan *plan) {
    uint64_t uid = spec->process->user ? spec->process->user->uid.value : 0;
    if (plan->options->rootless)
        return -1;
    return (int64_t)mapping_host_id(&spec->linux->uid_mappings, uid);
}

static int plan_delegation(const OciSpec *spec, Plan *plan, Error *err) {
    CgroupDelegation *delegation = &plan->delegation;
    *delegation = (CgroupDelegation){.cgroup = &plan->cgroup, .uid = owner_of_cgroup(spec, plan)};
    TRY(subgroup_delegated(&spec->annotations, &delegation->below, err));
    if (delegation->below && !plan->cgroup.v2)
        return error_set(
            err, ERROR_UNSUPPORTED, "annotation run.oci.delegate-cgroup: only with cgroup v2");
    return 0;
}

/* Everything that can fail because of the configuration, before anything is made. */
static int prepare(Launch *launch, Plan *plan, Error *err) {
    OciSpec *spec = &launch->spec;
    announce_sockets(spec->process, plan->options->listen_fds);
    TRY(notify_set_up(&launch->container, spec, err));
    TRY(launch_open_console(spec->process, plan->options, &plan->init.console_socket, err));
    plan->init.spec = spec;
    plan->init.namespaces = &plan->namespaces;
    plan->init.cgroup = &plan->cgroup;
    TRY(namespaces_init(&plan->namespaces, spec->linux, err));
    capabilities_parse(spec->process->capabilities, &plan->init.capabilities);
    TRY(seccomp_of_spec(spec, launch->container.root, &plan->seccomp, err));
    TRY(open_agent(spec, plan, err));
    TRY(open_hook_output(spec, &plan->init.hook_output, err));
    const char *receiver = plan->options->pidfd_socket;
    receiver = receiver ? receiver : json_map_find(&spec->annotations, "run.oci.pidfd_receiver");
    TRY(pidfd_connect(receiver, &plan->pidfd_socket, err));
    const CgroupRequest cgroup = {.path = spec->linux->cgroups_path,
        .id = launch->container.id,
        .rootless = plan->options->rootless,
        .systemd = plan->options->systemd_cgroup,
        .none = plan->options->no_cgroup,
        .annotations = &spec->annotations};
    TRY(cgroup_plan(&plan->cgroup, &cgroup, err));
    plan->init.cgroup_follows = init_can_precede_cgroup(&plan->init);
    return plan_delegation(spec, plan, err);
}

/* Who may make cgroups below the container's own (config-linux.md#cgroup-ownership): its user, in a
 * cgroup namespace of its own, through a mount that it may write to. */
static bool delegates_cgroup(const OciSpec *spec, const Namespaces *namespaces) {
    const OciMount *mount = spec->mounts.item;
    for (size_t i = 0; namespaces->create & CLONE_NEWCGROUP && i < spec->mounts.n; i++) {
        bool readonly = false;
        for (size_t k = 0; k < mount[i].options.n; k++)
            readonly = readonly || strcmp(mount[i].options.item[k], "ro") == 0;
        if (text_equal(mount[i].destination, "/sys/fs/cgroup") && !readonly &&
            (text_equal(mount[i].type, "cgroup") || text_equal(mount[i].type, "cgroup2")))
            return true;
    }
    return false;
}

static int delegate_cgroup(const Launch *launch, const Plan *plan, Error *err) {
    const OciSpec *spec = &launch->spec;
    int64_t uid = owner_of_cgroup(spec, plan);
    if (uid < 0 || plan->delegation.below || !delegates_cgroup(spec, &plan->namespaces))
        return 0;
    return cgroup_delegate(&plan->cgroup, (unsigned)uid, err);
}

static int make_rootfs(Plan *plan, const OciSpec *spec, Error *err) {
    Rootfs *rootfs = &plan->rootfs;
    bool at_path = has_runtime_hooks(spec) || (spec->hooks && spec->hooks->create_container.n);
    TRY(rootfs_init(
        rootfs, spec, &plan->namespaces, plan->options->bundle, &plan->cgroup, at_path, err));
    rootfs->no_pivot = plan->options->no_pivot;
    return rootfs_prepare(rootfs, err);
}

static int make_cgroup(Launch *launch, Plan *plan, Error *err) {
    TRY(cgroup_set_up(&plan->cgroup, launch->spec.linux->resources, err));
    cgroup_drop_unmade(&plan->cgroup);
    TRY(delegate_cgroup(launch, plan, err));
    json_map_done(&launch->container.record.cgroup_paths);
    cgroup_save(&plan->cgroup, &launch->container.record.cgroup_paths);
    return 0;
}

static int make(Launch *launch, Plan *plan, Error *err) {
    const OciSpec *spec = &launch->spec;
    TRY(describe(launch, plan, err));
    plan->cgroup_made = true;
    TRY(plan->init.cgroup_follows
            ? cgroup_set_up_unified(&plan->cgroup, spec->linux->resources, err)
            : make_cgroup(launch, plan, err));
    TRY(make_rootfs(plan, spec, err));
    return open_listener(launch, plan, err);
}

static int clone_init(Launch *launch, Plan *plan, Error *err) {
    Init *init = &plan->init;
    int pair[2];
    TRY(message_pair(pair, err));
    launch->channel = init->peer = pair[0];
    init->channel = pair[1];
    init->process = launch->spec.process;
    init->id = launch->container.id;
    init->state = container_state(&launch->container, CONTAINER_CREATING, 0);
    init->rootfs = plan->namespaces.create & CLONE_NEWNS ? &plan->rootfs : NULL;
    init->root = plan->rootfs.path;
    init->seccomp = &plan->seccomp;
    init->preserve_fds = plan->options->preserve_fds;
    init->terminal_is_relayed = plan->options->console_fd >= 0;
    init->no_new_keyring = plan->options->no_new_keyring;
    init->delegates_cgroup = plan->delegation.below;
    init->hooks_before_pivot = has_runtime_hooks(&launch->spec);
    init->says_ready = plan->options->wait_for_start || launch->spec.process->terminal.value ||
                       init_may_ask(init) || notify_is_wanted();
    int pid = init_clone(init, err);
    if (pid < 0)
        return pid;
    launch->pid = pid;
    return 0;
}

int launch_write_pid_file(const char *path, pid_t pid, Error *err) {
    autofree char *text = text_format("%d", pid);
    return path ? file_write(AT_FDCWD, path, text, strlen(text), 0644, false, err) : 0;
}

static int hand_over_rootfs(Launch *launch, Plan *plan, Error *err) {
    TRY(rootfs_open_inside(&plan->rootfs, launch->pid, err));
    return rootfs_send(&plan->rootfs, launch->channel, err);
}

static int move_devices(Launch *launch, const Plan *plan, Error *err) {
    autoclose int namespace = -1;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", launch->pid);
    TRY(file_open(AT_FDCWD, path, O_RDONLY, 0, &namespace, err));
    int joined = namespaces_joined_fd(&plan->namespaces, CLONE_NEWNET);
    return network_devices_move(
        &launch->spec.linux->net_devices, joined >= 0 ? joined : namespace, err);
}

static Attendance attendance_of(const Launch *launch, int agent_socket) {
    return (Attendance){.channel = launch->channel,
        .pid = launch->pid,
        .spec = &launch->spec,
        .process = launch->spec.process,
        .state = container_state(&launch->container, CONTAINER_CREATED, launch->pid),
        .rootfs = launch->plan ? &launch->plan->rootfs : NULL,
        .delegation =
            launch->plan && launch->plan->delegation.below ? &launch->plan->delegation : NULL,
        .agent_socket = agent_socket};
}

/* While init works we write: a `start` that comes too early waits at the socket. */
static int feed(Launch *launch, Plan *plan, const char *config, Error *err) {
    ContainerRecord *record = &launch->container.record;
    if (plan->init.cgroup_follows) {
        TRY(make_cgroup(launch, plan, err));
        TRY(cgroup_send(&plan->cgroup, launch->channel, err));
    }
    if (plan->namespaces.create & CLONE_NEWUSER)
        TRY(mappings_write(launch->spec.linux, launch->pid, err));
    if (launch->spec.linux->net_devices.n)
        TRY(move_devices(launch, plan, err));
    if (init_waits_for_runtime(&plan->init))
        TRY(message_send(launch->channel, MESSAGE_MAPPED, 0, err));
    if (plan->init.rootfs && plan->rootfs.opener == ROOTFS_FOR_INIT)
        TRY(hand_over_rootfs(launch, plan, err));
    TRY(resctrl_set_up(
        launch->spec.linux->intel_rdt, launch->container.id, launch->pid, &record->resctrl, err));
    TRY(process_start_time(launch->pid, &record->start_time.value, err));
    record->start_time.set = true;
    record->pid = (JsonInt){true, launch->pid};
    TRY(file_write_new(launch->container.dir, "config.json", config, strlen(config), 0600, err));
    TRY(container_save(&launch->container, err));
    TRY(pidfd_send(plan->pidfd_socket, launch->pid, "standard", err));
    const Attendance attendance = attendance_of(launch, plan->agent_socket);
    launch->started = !plan->init.says_ready;
    if (launch->started)
        TRY(attend_start(&attendance, err));
    if (!launch->started)
        TRY(attend_until_ready(&attendance, err));
    return launch_write_pid_file(plan->options->pid_file, launch->pid, err);
}

/* Undoes in reverse; its own failures are of no interest beside the first one. */
static void take_back(Launch *launch, Plan *plan) {
    Error ignored;
    if (launch->pid > 0) {
        kill(launch->pid, SIGKILL);
        waitpid(launch->pid, NULL, 0);
    }
    (void)resctrl_remove(launch->container.record.resctrl, &ignored);
    if (plan->cgroup_made)
        (void)cgroup_remove(&plan->cgroup, &ignored);
    if (launch->container.dir >= 0)
        (void)container_forget(&launch->container, &ignored);
}

int launch_create(
    Launch *launch, const char *root, const char *id, const LaunchOptions *options, Error *err) {
    *launch = (Launch){.channel = -1, .container.dir = -1};
    autofree char *config = NULL;
    TRY(config_load(options->bundle, options->config, &launch->spec, &config, err));
    TRY(config_check(&launch->spec, err));
    TRY(container_make(&launch->container, root, id, err));
    Plan *plan = launch->plan = plan_new(options);
    int r = prepare(launch, plan, err);
    r = r < 0 ? r : make(launch, plan, err);
    r = r < 0 ? r : clone_init(launch, plan, err);
    r = r < 0 ? r : feed(launch, plan, config, err);
    cgroup_release(&plan->cgroup);
    if (r < 0) {
        message_explain(launch->channel, err);
        cgroup_explain_failure(&plan->cgroup, true, err);
        take_back(launch, plan);
    }
    return r;
}

int launch_start(Launch *launch, Error *err) {
    autoclose int agent_socket = launch->plan ? take_fd(&launch->plan->agent_socket) : -1;
    plan_free(take_ptr(&launch->plan)); /* mounts that we hold would be busy for the host */
    const Attendance attendance = attendance_of(launch, agent_socket);
    int r = launch->started ? 0 : attend_start(&attendance, err);
    if (r < 0)
        return container_explain_death(&launch->container, err);
    close(launch->channel);
    launch->channel = -1;
    OciState state = container_state(&launch->container, CONTAINER_RUNNING, launch->pid);
    return hooks_run_poststart(launch->spec.hooks, &state, err);
}

void launch_done(Launch *launch) {
    plan_free(launch->plan);
    if (launch->channel >= 0)
        close(launch->channel);
    json_done(&oci_spec_type, &launch->spec);
    container_done(&launch->container);
    *launch = (Launch){.channel = -1, .container.dir = -1};
}
