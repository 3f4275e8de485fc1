// SPDX-License-Identifier: Apache-2.0
#include "runtime/command/bundle.h"

#include "base/path.h"

int bundle_options(const Globals *globals, const BundleOptions *parsed, char **ret_bundle,
    LaunchOptions *ret, Error *err) {
    autofree char *bundle = path_absolute(text_is_empty(parsed->bundle) ? "." : parsed->bundle);
    *ret = (LaunchOptions){.bundle = bundle,
        .console_socket = text_is_empty(parsed->console_socket) ? NULL : parsed->console_socket,
        .console_fd = -1,
        .pid_file = text_is_empty(parsed->pid_file) ? NULL : parsed->pid_file,
        .no_pivot = parsed->no_pivot,
        .no_new_keyring = parsed->no_new_keyring,
        .systemd_cgroup = globals->systemd_cgroup};
    TRY(command_parse_rootless(globals, &ret->rootless, err));
    TRY(command_check_preserve(parsed->preserve_fds.value, &ret->preserve_fds, err));
    *ret_bundle = take_ptr(&bundle);
    return 0;
}
