// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/container/container.h"

/* sd_notify(3) for containers, as the reference runtime does it: with $NOTIFY_SOCKET in our
 * environment the container gets a socket of its own at /run/notify/notify.sock, and its READY=1
 * goes on to the service manager, with the MAINPID= that the manager knows. */

/* A line for people who write unit files: nothing happens without $NOTIFY_SOCKET. */
bool notify_is_wanted(void);

/* create, run: the directory that is mounted, the mount and the variable. */
int notify_set_up(const Container *container, OciSpec *spec, Error *err);

/* start, run: before the program begins. *ret_fd -1: not wanted, or not a container with a socket.
 */
int notify_listen(const Container *container, int *ret_fd, Error *err);

/* A datagram has come. true: the container is ready, the manager knows, main_pid is its service. */
bool notify_take(int fd, pid_t main_pid);

/* Until the container is ready or has ended. */
void notify_wait(int fd, pid_t pid);
