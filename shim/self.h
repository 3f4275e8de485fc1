// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The absolute path by which this program was started, symlinks not followed; borrowed. The first
 * call must come before the working directory changes. */
const char *self_path(void);
