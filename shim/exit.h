// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* The exit record: the only truth about how a container ended once its shim is gone. Written whole
 * and made durable under another name, then linked into place, before anybody is told; the first
 * one stays. */
typedef struct OomRecord {
    uint64_t kills;       /* processes that the kernel killed for lack of memory; 0: no more here */
    uint64_t peak, limit; /* of the cgroup, in bytes; 0: not known */
    int pid;              /* the largest victim; 0: none was a child of the shim's */
    char exec[129];       /* "": the container's own program */
    uint64_t usage;       /* the most that it ever had resident, in bytes */
} OomRecord;

typedef struct ExitRecord {
    int status; /* as a shell has it */
    int64_t at;
    bool oom_killed;
    bool orphaned;        /* nobody saw the end: the shim was gone, and what was left was killed */
    const OomRecord *oom; /* to save; NULL: none */
} ExitRecord;

int exit_record_load(const char *path, ExitRecord *ret, Error *err); /* ERROR_NOT_FOUND */

/* ERROR_EXISTS: there is one already, which stays. */
int exit_record_save(const char *path, const ExitRecord *record, Error *err);
