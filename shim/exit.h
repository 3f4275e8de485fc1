// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* The exit record: the only truth about how a container ended once its shim is gone. Written whole
 * and made durable under another name, then linked into place, before anybody is told; the first
 * one stays. */
typedef struct ExitRecord {
    int status; /* as a shell has it */
    int64_t at;
    bool oom_killed;
    bool orphaned; /* nobody saw the end: the shim was gone, and what was left was killed */
} ExitRecord;

int exit_record_load(const char *path, ExitRecord *ret, Error *err); /* ERROR_NOT_FOUND */

/* ERROR_EXISTS: there is one already, which stays. */
int exit_record_save(const char *path, const ExitRecord *record, Error *err);
