// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/container/container.h"
#include "engine/container/exec.h"
#include "engine/container/rootfs.h"

/* STATE/bundles/ID: config.json and the mount point of the root file system; and what the program
 * finds in /etc, which is in ROOT/containers/ID. Under the container's operation lock. */
#define BUNDLE_HEALTH_FILE "health.json" /* the process of a health check */
int bundle_write_files(Containers *containers, const ContainerRecord *record, Error *err);
int bundle_make(Containers *containers, const ContainerRecord *record, Error *err);
int bundle_remove(Containers *containers, const char *id, Error *err);

/* The tree of a container that does not run (rootfs.h). */
int bundle_open_root(
    Containers *containers, const char *id, RootfsAccess access, int *ret_fd, Error *err);

/* The process document of an exec in a running container. New string. */
int bundle_exec_process(Containers *containers, const ContainerRecord *record,
    const ExecSettings *exec, char **ret_json, Error *err);
