// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include "base/error.h"

/* --pidfd-socket: whoever listens there gets a descriptor of the process, with runc's word for its
 * kind ("standard", "setns"). */

/* path NULL: *ret_socket is -1, and sending does nothing. */
int pidfd_connect(const char *path, int *ret_socket, Error *err);
int pidfd_send(int socket, pid_t pid, const char *kind, Error *err);
