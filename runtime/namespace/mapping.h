// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include "base/error.h"
#include "oci/runtime.h"

/* Which ids of the host a user namespace has (user_namespaces(7)). */

/* The host's id of an id inside, by linux.uidMappings or gidMappings; what is not mapped is itself.
 */
uint64_t mapping_host_id(const JsonObjects *mappings, uint64_t id);

/* In the parent: uid_map and gid_map of a child in a new user namespace. What our privileges do not
 * allow is left to newuidmap(1) and newgidmap(1), which allow what /etc/subuid and /etc/subgid
 * grant. */
int mappings_write(const OciLinux *linux, pid_t pid, Error *err);
