// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/checkpoint/images.h"
#include "runtime/checkpoint/request.h"
#include "runtime/container/launch.h"

/* Freezing a container into image files, and thawing one from them, by criu(8). The images hold the
 * processes; files, mounts and limits come from the bundle again. */
typedef struct CheckpointOptions {
    ImagesOptions where;
    Images images;    /* opened by whoever uses the options; owned */
    CriuOptions criu; /* as the command line has it; owned */
    const char *parent;
    bool pre_dump;
    int status_fd; /* gets a zero byte when lazy pages can be had; -1 */
} CheckpointOptions;

void checkpoint_options_done(CheckpointOptions *options);
CLEANUP_DEFINE_DONE(CheckpointOptions, checkpoint_options_done)

int container_checkpoint(Container *container, CheckpointOptions *options, Error *err);

/* launch: as from launch_create, but its program runs when this returns. A failure takes back
 * everything. */
int container_restore(Launch *launch, const char *root, const char *id,
    const LaunchOptions *launch_options, CheckpointOptions *options, Error *err);
