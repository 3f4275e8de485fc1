// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "shim/log/driver.h"

/* A log that is a file, in a shim that has several containers: its driver has a thread and a loop
 * of its own, so that a disk that is slow or does not answer holds nobody but its own container's
 * program. The loop sends what it reads through a pipe. In blocking mode a full log makes the
 * program wait; with mode=non-blocking what is too much is dropped, and a line says how many bytes.
 */
extern const LogDriver log_apart;

/* Whether all threads have ended, whose logs are closed. */
bool log_apart_is_idle(void);
