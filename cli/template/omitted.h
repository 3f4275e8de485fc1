// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cli/document.h"

/* Fields of what docker inspects that JSON leaves out, or has null for, when they are empty. Docker
 * asks its own types first, where they are and have a value: scripts rely on `{{.State.Health}}` to
 * be "<nil>". */

/* NULL: no such field. What it is where it is left out, as JSON. */
const char *omitted_value(const char *name);

/* NULL: no such field. How Go prints it where it is null. */
const char *omitted_print(const char *name);
