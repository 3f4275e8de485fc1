// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "shim/shim.h"

/* A user namespace for the mapping of a mount's ids: it needs a process that has entered it, for
 * which this program is spawned, with the action SHIM_USER_NAMESPACE. */
#define SHIM_USER_NAMESPACE "user-namespace"

/* maps: "inside:outside:count", several parted by commas, as in a mount's uidmap= and gidmap=. */
int user_namespace_open(const char *uid_map, const char *gid_map, int *ret_fd, Error *err);

/* The action: enters a new user namespace, writes a byte, and waits for the end of its input. */
int shim_user_namespace(const ShimArguments *arguments, Error *err);
