// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "engine/layer/confine.h"

/* The last step of the confinement: an allow-list of system calls for all threads that this one
 * starts. What is not on it does not exist (ENOSYS): no program, process, namespace, socket,
 * mount, key, tracing or executable memory. Wants no_new_privs. A kernel without seccomp leaves the
 * other steps. */
int syscalls_restrict(Confinement confinement, Error *err);
