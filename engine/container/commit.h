// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/container/container.h"
#include "engine/layer/pack.h"

/* What a container has changed in its root file system: told, written out, or made an image of. It
 * may run or not; volumes and what the engine mounts are no part of it. */
typedef struct ContainerCommit {
    const char *name; /* of the image; NULL or "": none */
    const char *author, *comment;
    const char *const *changes; /* instructions of a Dockerfile (engine/image/instruction.h) */
    size_t changes_n;
    bool pause; /* while it is read */
} ContainerCommit;

/* *ret_id: the image's; the caller's. */
int container_commit(Containers *containers, const char *reference, const ContainerCommit *commit,
    char **ret_id, Error *err);

int container_changes(
    Containers *containers, const char *reference, PackChange *change, void *user, Error *err);

/* All of its file system as one tar. */
int container_export(
    Containers *containers, const char *reference, PackWrite *write, void *user, Error *err);
