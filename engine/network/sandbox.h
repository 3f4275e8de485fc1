// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "engine/network/netlink.h"

/* A network namespace that is held by a name in the file system: a bind mount of nsfs. It needs no
 * process, so that it outlives the engine, and a container can be created in it. */

/* The name of a container's sandbox: directory/ID. New string. */
char *sandbox_path(const char *directory, const char *container);

/* Makes the namespace with its loopback interface up and Docker's sysctls. A leftover of that name
 * is replaced. *ret_ns is a descriptor of it, *ret_netlink a socket inside. */
int sandbox_create(const char *path, int *ret_ns, Netlink **ret_netlink, Error *err);

/* Absence is success. The kernel destroys the namespace when the last process has left it. */
int sandbox_remove(const char *path, Error *err);

/* Removes all sandboxes in directory except those `keep` says yes to. */
typedef bool (*SandboxKeep)(const char *container, const void *context);
int sandbox_sweep(const char *directory, SandboxKeep keep, const void *context, Error *err);
