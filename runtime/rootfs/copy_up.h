// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"

/* Option tmpcopyup: copies the directory `path` inside root into the new file system `tree`. Both
 * sides are walked by descriptors; symlinks are copied, not followed. */
int copy_up(int root, const char *path, int tree, Error *err);
