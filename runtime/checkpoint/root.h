// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/container/container.h"

/* Where criu finds the root file system of the container that it restores. It wants a mount of its
 * own with nothing above it, and every mount point in place. That is made in a mount namespace that
 * only criu enters: nothing of it shows on the host, or stays there. */
typedef struct RestoreRoot {
    char *path;    /* for criu */
    int host, cwd; /* our own mount namespace and directory, to come back to */
} RestoreRoot;

#define RESTORE_ROOT_NAME "criu-root" /* in the container's directory: the place for it */

#define RESTORE_ROOT_INIT                                                                          \
    { .host = -1, .cwd = -1 }

/* Moves this process into the new mount namespace, in which criu must then be started. */
int restore_root_enter(
    RestoreRoot *root, const Container *container, const OciSpec *spec, Error *err);

/* And back. */
int restore_root_leave(RestoreRoot *root, Error *err);
void restore_root_done(RestoreRoot *root);
CLEANUP_DEFINE_DONE(RestoreRoot, restore_root_done)
