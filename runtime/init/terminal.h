// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "oci/runtime.h"

/* A pseudo terminal of the container's own devpts. */

/* In init, before the pivot: a new pair; root is the container's tree. The user's end is opened by
 * ioctl, so no name can be swapped in between. */
int terminal_open(int root, const OciBox *size, int *ret_master, int *ret_slave, Error *err);

/* A new terminal writes "\r\n" for "\n". Where we relay it, the user's own terminal does that, and
 * a file or pipe gets the bytes as they are. */
int terminal_keep_newlines(int slave, Error *err);

/* Sends the master to whoever listens at the console socket and makes the slave our standard
 * streams and controlling terminal. */
int terminal_use(int console_socket, int master, int slave, Error *err);
