// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"

/* A procfs of our own that no container ever sees (rule C, docs/security.md): a detached mount made
 * for the caller's pid namespace. All privileged writes to /proc go through it. */
int procfs_open(int *ret_fd, Error *err);

/* One write to `path` beneath procfs; no symlink, mount or foreign file system is passed on the
 * way except "self". */
int procfs_write(int procfs, const char *path, const char *value, Error *err);

/* "net.ipv4.ip_forward" or "net/ipv4/ip_forward", written through procfs_write. */
int procfs_write_sysctl(int procfs, const char *name, const char *value, Error *err);
