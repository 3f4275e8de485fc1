// SPDX-License-Identifier: Apache-2.0
#include "runtime/command/bundle.h"

#include "base/log.h"
#include "base/path.h"

int bundle_options(const Globals *globals, const BundleOptions *parsed, char **ret_bundle,
    LaunchOptions *ret, Error *err) {
    autofree char *bundle = path_absolute(parsed->bundle ? parsed->bundle : ".");
    *ret = (LaunchOptions){.bundle = bundle,
        .console_socket = parsed->console_socket,
        .config = parsed->config,
        .pidfd_socket = parsed->pidfd_socket,
        .console_fd = -1,
        .pid_file = parsed->pid_file,
        .no_pivot = parsed->no_pivot,
        .no_new_keyring = parsed->no_new_keyring,
        .systemd_cgroup = globals->systemd_cgroup,
        .no_cgroup = globals->no_cgroup};
    TRY(command_parse_rootless(globals, &ret->rootless, err));
    ret->listen_fds = command_listen_fds();
    TRY(command_check_preserve(
        parsed->preserve_fds.value, ret->listen_fds, &ret->preserve_fds, err));
    ret->preserve_fds += ret->listen_fds;
    *ret_bundle = take_ptr(&bundle);
    return 0;
}

void bundle_warn_memory(const OciMemory *memory) {
    if (memory && (memory->kernel.set || memory->kernel_tcp.set))
        log_warning("Kernel memory settings are ignored and will be removed");
}

void bundle_warn(const Launch *launch) {
    const OciMount *mount = launch->spec.mounts.item;
    const ContainerRecord *record = &launch->container.record;
    const OciResources *resources = launch->spec.linux->resources;
    bundle_warn_memory(resources ? resources->memory : NULL);
    for (size_t i = 0; i < launch->spec.mounts.n; i++)
        if (!path_is_absolute(mount[i].destination))
            log_warning("mount destination %s is not absolute: it is taken to begin at /",
                mount[i].destination);
    if (!record->cgroup_paths.n && !record->own_pid_namespace.value)
        log_warning(
            "Creating a rootless container with no cgroup and no private pid namespace. Such "
            "configuration is strongly discouraged, as it is impossible to properly kill all "
            "container's processes");
}
