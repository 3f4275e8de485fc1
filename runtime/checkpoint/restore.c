// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "base/process.h"
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/checkpoint/criu.h"
#include "runtime/checkpoint/external.h"
#include "runtime/checkpoint/prepare.h"
#include "runtime/checkpoint/root.h"
#include "runtime/container/config.h"
#include "runtime/init/hook.h"
#include "runtime/namespace/namespace.h"

#define IMAGES_NAME "criu-images"

/* What a restore holds on to until the container runs. */
typedef struct Restore {
    Launch *launch;
    const LaunchOptions *launch_options;
    CheckpointOptions *options;
    Cgroup cgroup;
    ExternalFds namespaces;
    RestoreRoot root;
    int console; /* -1: none */
    bool cgroup_made;
} Restore;

static void restore_done(Restore *restore) {
    cgroup_done(&restore->cgroup);
    external_fds_done(&restore->namespaces);
    restore_root_done(&restore->root);
    if (restore->console >= 0)
        close(restore->console);
}
CLEANUP_DEFINE_DONE(Restore, restore_done)

static bool creates(const OciSpec *spec, const char *type) {
    const OciNamespace *namespace = spec->linux->namespaces.item;
    for (size_t i = 0; i < spec->linux->namespaces.n; i++)
        if (strcmp(namespace[i].type, type) == 0)
            return text_is_empty(namespace[i].path);
    return false;
}

/* The terminal's other end, which criu made, for whoever will hold it. */
static int hand_over_terminal(const Restore *restore, int master, Error *err) {
    if (restore->console < 0)
        return error_set(err, ERROR_INVALID,
            "the checkpoint has a terminal, but there is no console socket for it");
    return fd_send(restore->console, &master, 1, err);
}

static int raise_loopback(int pid, Error *err) {
    autoclose int own = -1, theirs = -1;
    autofree char *path = text_format("/proc/%d/ns/net", pid);
    TRY(file_open(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0, &own, err));
    TRY(file_open(AT_FDCWD, path, O_RDONLY, 0, &theirs, err));
    if (setns(theirs, CLONE_NEWNET) < 0)
        return error_set_errno(err, errno, "cannot enter the restored network namespace");
    int r = namespaces_loopback_up(err);
    if (setns(own, CLONE_NEWNET) < 0)
        return error_set_errno(err, errno, "cannot leave the restored network namespace");
    return r;
}

/* All namespaces exist, no process runs. The network is empty but for lo, which is as it was before
 * createRuntime hooks at a container's creation: up. */
static int set_up_namespaces(const Restore *restore, int pid, Error *err) {
    const OciSpec *spec = &restore->launch->spec;
    TRY(external_check_namespaces(spec, pid, false, err));
    if (creates(spec, "network"))
        TRY(raise_loopback(pid, err));
    OciState state = container_state(&restore->launch->container, CONTAINER_CREATING, pid);
    return hooks_run_before_pivot(spec->hooks, &state, err);
}

/* All is restored, and nothing of it has run yet. */
static int record_process(const Restore *restore, int pid, Error *err) {
    ContainerRecord *record = &restore->launch->container.record;
    TRY(external_check_namespaces(&restore->launch->spec, pid, true, err));
    TRY(process_start_time(pid, &record->start_time.value, err));
    record->start_time.set = true;
    record->pid = (JsonInt){true, pid};
    restore->launch->pid = pid;
    return container_save(&restore->launch->container, err);
}

static int notify(void *argument, const CriuNotice *notice, Error *err) {
    const Restore *restore = argument;
    log_debug("criu: %s", notice->name);
    if (strcmp(notice->name, "setup-namespaces") == 0)
        return set_up_namespaces(restore, notice->pid, err);
    if (strcmp(notice->name, "post-restore") == 0)
        return record_process(restore, notice->pid, err);
    if (strcmp(notice->name, "orphan-pts-master") == 0 && notice->fd >= 0)
        return hand_over_terminal(restore, notice->fd, err);
    return 0;
}

/* Pipes that the processes had as standard streams become ours. */
static int inherit_streams(const Restore *restore, CriuOptions *criu, Error *err) {
    autodone(JsonTexts) names = {};
    TRY(images_load_descriptors(&restore->options->images, &names, err));
    for (size_t i = 0; i < names.n && i < 3; i++)
        if (text_starts(names.item[i], "pipe:["))
            criu_options_inherit(criu, names.item[i], (int)i);
    return 0;
}

/* criu works in the container's cgroups, and takes them for the roots of those in the images. */
static int add_cgroup_roots(pid_t pid, CriuOptions *criu, Error *err) {
    autofree char *path = text_format("/proc/%d/cgroup", (int)pid);
    autodone(Text) text = {};
    TRY(file_read(AT_FDCWD, path, 1 << 20, &text, err));
    char *rest = text.data;
    for (char *line; (line = strsep(&rest, "\n"));) {
        strsep(&line, ":");
        const char *controllers = strsep(&line, ":");
        if (controllers && line)
            json_map_set(&criu->cgroup_roots, controllers, line);
    }
    return 0;
}

static int make(Restore *restore, const char *config, Error *err) {
    Launch *launch = restore->launch;
    const OciSpec *spec = &launch->spec;
    Container *container = &launch->container;
    TRY(launch_open_console(spec->process, restore->launch_options, &restore->console, err));
    const CgroupRequest cgroup = {.path = spec->linux->cgroups_path,
        .id = container->id,
        .rootless = restore->launch_options->rootless,
        .systemd = restore->launch_options->systemd_cgroup,
        .none = restore->launch_options->no_cgroup,
        .annotations = &spec->annotations};
    TRY(cgroup_plan(&restore->cgroup, &cgroup, err));
    const ContainerOrigin origin = {.spec = spec,
        .bundle = restore->launch_options->bundle,
        .cgroup = &restore->cgroup,
        .own_pid_namespace = creates(spec, "pid")};
    container_describe(container, &origin);
    TRY(file_write(container->dir, "config.json", config, strlen(config), 0600, false, err));
    TRY(container_save(container, err));
    restore->cgroup_made = true;
    TRY(cgroup_set_up(&restore->cgroup, spec->linux->resources, err));
    cgroup_drop_unmade(&restore->cgroup);
    json_map_done(&container->record.cgroup_paths);
    cgroup_save(&restore->cgroup, &container->record.cgroup_paths);
    return 0;
}

/* By path: an overlay wants directories of its own mount namespace, and we are in criu's. */
static int share_images(Restore *restore, Error *err) {
    autoclose int door = -1;
    const Container *container = &restore->launch->container;
    autofree char *path = container_path(container, IMAGES_NAME);
    if (mkdirat(container->dir, IMAGES_NAME, 0711) < 0)
        return error_set_errno(err, errno, "cannot make '%s'", path);
    TRY(file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &door, err));
    return images_share(&restore->options->images, door, err);
}

static int describe(Restore *restore, Error *err) {
    CriuOptions *criu = &restore->options->criu;
    const OciSpec *spec = &restore->launch->spec;
    TRY(images_open(&restore->options->images, &restore->options->where, err));
    if (creates(spec, "user"))
        TRY(share_images(restore, err));
    prepare_options(restore->options, spec);
    criu->restore_sibling = criu->evasive_devices = true;
    TRY(inherit_streams(restore, criu, err));
    TRY(external_find_mounts(spec, restore->launch_options->bundle, &restore->cgroup, criu, err));
    return external_find_namespaces(spec, &restore->namespaces, criu, err);
}

/* In the mount namespace made for criu, whose directories we must have opened there. */
static int start_inside(Restore *restore, Criu *criu, Error *err) {
    TRY(restore_root_enter(
        &restore->root, &restore->launch->container, &restore->launch->spec, err));
    TRY(describe(restore, err));
    const CriuStart start = {
        .standard = {0, 1, 2}, .fds = restore->namespaces.fd, .n = restore->namespaces.n};
    return criu_start(criu, &start, err);
}

/* We ourselves come back, whatever happens. */
static int start_criu(Restore *restore, Criu *criu, Error *err) {
    Error leaving;
    int r = start_inside(restore, criu, err);
    if (restore_root_leave(&restore->root, &leaving) < 0 && r >= 0)
        *err = leaving, r = leaving.code;
    restore->options->criu.root = restore->root.path;
    return r;
}

static int run(Restore *restore, Error *err) {
    const CriuListener listener = {.notify = notify, .argument = restore};
    CheckpointOptions *options = restore->options;
    autodone(Criu) criu = {.socket = -1};
    TRY(start_criu(restore, &criu, err));
    TRY(prepare_check_version(&criu, &options->criu, err));
    TRY(cgroup_add(&restore->cgroup, criu.pid, err));
    cgroup_release(&restore->cgroup);
    TRY(add_cgroup_roots(criu.pid, &options->criu, err));
    TRY(prepare_run(&criu, CRIU_RESTORE, options, &listener, err));
    return launch_write_pid_file(restore->launch_options->pid_file, restore->launch->pid, err);
}

/* Empty places of mounts that were criu's. */
static void tidy(const Container *container) {
    static const char *const names[] = {RESTORE_ROOT_NAME, IMAGES_NAME};
    Error ignored;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)file_remove_tree(container->dir, names[i], &ignored);
}

static void take_back(Restore *restore) {
    Launch *launch = restore->launch;
    Error ignored;
    if (launch->pid > 0) {
        kill(launch->pid, SIGKILL);
        while (waitpid(launch->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (restore->cgroup_made) {
        (void)cgroup_kill(&restore->cgroup, SIGKILL, &ignored);
        (void)cgroup_remove(&restore->cgroup, &ignored);
    }
    (void)container_forget(&launch->container, &ignored);
}

int container_restore(Launch *launch, const char *root, const char *id,
    const LaunchOptions *launch_options, CheckpointOptions *options, Error *err) {
    *launch = (Launch){.channel = -1, .container.dir = -1};
    autodone(Restore) restore = {.launch = launch,
        .launch_options = launch_options,
        .options = options,
        .root = RESTORE_ROOT_INIT,
        .console = -1};
    autofree char *config = NULL;
    TRY(config_load(launch_options->bundle, NULL, &launch->spec, &config, err));
    TRY(config_check(&launch->spec, err));
    TRY(container_make(&launch->container, root, id, err));
    int r = make(&restore, config, err);
    r = r < 0 ? r : run(&restore, err);
    if (r < 0)
        take_back(&restore);
    else
        tidy(&launch->container);
    return r;
}
