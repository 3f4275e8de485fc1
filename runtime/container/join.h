// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/container/container.h"

/* Another process in a container that exists. */
typedef struct JoinOptions {
    const char *console_socket; /* path, or NULL */
    int console_fd;             /* or a socket; -1 */
    const char *pidfd_socket;   /* path of who gets a pidfd, or NULL */
    const char *pid_file;
    unsigned preserve_fds;
    bool ignore_paused;
    const char *const *cgroups; /* --cgroup */
    size_t cgroups_n;
} JoinOptions;

/* spec: the container's configuration. The program runs when this returns; *ret_pid is a child of
 * ours. */
int container_join(const Container *container, const OciSpec *spec, const OciProcess *process,
    const JoinOptions *options, pid_t *ret_pid, Error *err);
