// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"

/* What `delete` must know about a shim that was killed: BUNDLE/shim.json of each container, written
 * when its shim starts and when it is created. */
typedef struct ShimRecord {
    char *socket;        /* ttrpc, a path name */
    char *group;         /* NULL: none; else the group's path name (shim/group.h) */
    char *attach_socket; /* NULL: none */
    char *runtime, *runtime_root;
    char *exit_record; /* NULL: the container was never created */
    JsonBool systemd_cgroup;
    JsonInt pid;                       /* of the container's init */
    char *delegate, *delegate_address; /* another shim in the runtime's place; NULL: none; and */
    char *name_space, *engine;         /* what it was told */
    JsonInt delegate_version;
    JsonTexts runtime_arguments;
} ShimRecord;

#define SHIM_RECORD_NAME "shim.json"

/* bundle: a directory's path. ERROR_NOT_FOUND. */
int shim_record_load(const char *bundle, ShimRecord *ret, Error *err);
int shim_record_save(const char *bundle, const ShimRecord *record, Error *err);
void shim_record_done(ShimRecord *record);
