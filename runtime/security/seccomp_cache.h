// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "runtime/security/seccomp.h"

/* Compiled filters, kept beside the containers in the runtime's root: compiling Docker's profile
 * costs libseccomp 20 ms, reading it back 50 µs. A slot holds the whole text that it was compiled
 * from, which is compared, so that a hash can only cost time, never give a wrong filter. The number
 * of slots is fixed: callers with ever new profiles cannot fill the root. */

/* false: not there. ret's program is the caller's. */
bool seccomp_cache_load(const char *root, const char *key, Seccomp *ret);

/* Failure only costs time next time. */
void seccomp_cache_save(const char *root, const char *key, const Seccomp *seccomp);
