// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/container/container.h"

/* Docker's GET /containers/{id}/json as JSON text. Everything comes from the record and, for the
 * trees, from the snapshot (may be NULL). New string. */
typedef struct DockerContainerInput {
    const ContainerRecord *record;
    const SnapshotMount *rootfs;
    const char *directory;      /* ROOT/containers/ID */
    const char *mount_point;    /* where the root file system is while the container runs */
    const char *storage_driver; /* in Docker's words */
    const char *runtime;
    const Config *config;
    bool cgroup_v2;
    bool has_size;
    uint64_t size_rw, size_root_fs;
} DockerContainerInput;

char *docker_container_inspect(const DockerContainerInput *input);
