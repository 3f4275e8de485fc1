// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"

/* Docker's rule for names: [a-zA-Z0-9][a-zA-Z0-9_.-]+. */
int name_check(const char *name, Error *err);

/* A random adjective_surname; with `attempt` above 0 a digit behind it, as the pool may be used up.
 * New string. */
char *name_generate(unsigned attempt);
