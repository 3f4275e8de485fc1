// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"

enum {
    LOOP_PATH_SIZE = 32
};

/* A read-only loop device of a file (loop(4)), which goes by itself when nothing uses it any more:
 * keep *ret_fd until it is mounted. Private to engine/snapshot. */
int loop_attach(const char *path, int *ret_fd, char ret_device[LOOP_PATH_SIZE], Error *err);
