// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/rootfs/mount_option.h"

/* Mounts as descriptors (open_tree(2), move_mount(2), fsopen(2)), and the places in a container's
 * tree that they go to. */

/* Detached clone of a host path, or (path "") of a descriptor. */
int tree_clone(int dir, const char *path, bool recursive, int *ret_fd, Error *err);

/* New file system instance, detached. attributes: MOUNT_ATTR_*. */
int tree_new(const char *type, const char *source, char *const *data, uint64_t attributes,
    int *ret_fd, Error *err);

/* Mounts a detached tree on the place that `target` refers to. */
int tree_attach(int tree, int target, const char *name, Error *err);

int tree_set_attributes(int tree, uint64_t set, uint64_t clear, bool recursive, Error *err);
int tree_set_propagation(int tree, unsigned long propagation, bool recursive, Error *err);

/* The place `path` inside root, made if absent: a directory, or an empty file with its parents. */
int tree_target(int root, const char *path, bool directory, int *ret_fd, Error *err);
