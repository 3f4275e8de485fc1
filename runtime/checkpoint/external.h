// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/checkpoint/request.h"
#include "runtime/container/container.h"

/* What a container uses but does not own, which is therefore not in a checkpoint: mounts that show
 * files of the host, and namespaces that were joined. When it is dumped each gets a name; at the
 * restore the configuration of then says what on the host the name means. The names:
 *
 *     /data          a bind mount, by its destination in the configuration
 *     /data/sub      a mount below a recursive bind
 *     /dev/null      the host's: masked files; and other devices, where they are bound
 *     cgroup:cpu     the container's directory in a cgroup hierarchy, by its controllers
 *     extRootNetNS, extRootPidNS */

int external_name_mounts(
    const Container *container, const OciSpec *spec, CriuOptions *ret, Error *err);
int external_name_namespaces(
    const Container *container, const OciSpec *spec, CriuOptions *ret, Error *err);

int external_find_mounts(
    const OciSpec *spec, const char *bundle, const Cgroup *cgroup, CriuOptions *ret, Error *err);

/* Namespaces that criu gets as descriptors; the caller closes them. */
typedef struct ExternalFds {
    int fd[2];
    size_t n;
} ExternalFds;
int external_find_namespaces(const OciSpec *spec, ExternalFds *fds, CriuOptions *ret, Error *err);
void external_fds_done(ExternalFds *fds);
CLEANUP_DEFINE_DONE(ExternalFds, external_fds_done)

/* Images could hold a process that lives in namespaces of the host, with all of its powers: the
 * first restored process must be where the configuration wants it. `late`: criu makes the cgroup
 * and time namespaces after the others, and then joins those that exist. */
int external_check_namespaces(const OciSpec *spec, int pid, bool late, Error *err);
