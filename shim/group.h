// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"

/* Containers that share a shim, such as those of a pod: the annotation of their config.json names
 * the group, as under containerd's own shim. A group is known among the bundles of one directory
 * (one containerd, one namespace): a symlink beside our sockets, named after both, leads to the
 * socket of its shim. It may lead nowhere after a crash; the next `start` of the group replaces it.
 *
 * The symlinks are read and made under one lock, so that of two that start at once one joins the
 * other. */
typedef struct Group {
    char *link; /* a path name; NULL: the container has no group */
    int lock;   /* the link's directory */
} Group;

#define GROUP_NULL                                                                                 \
    { .lock = -1 }

/* directory: where the sockets are, which exists. Locks, if the bundle "." has a group. */
int group_open(Group *group, const char *directory, Error *err);
void group_done(Group *group); /* unlocks */

/* The shim that is there, which has been told that a container comes; NULL: none. A new string. */
char *group_join(const Group *group);
int group_point(const Group *group, const char *socket, Error *err);

/* Removes the link, if it leads to this socket. */
void group_forget(const char *link, const char *socket);
