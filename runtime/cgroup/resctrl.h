// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include "oci/runtime.h"

/* linux.intelRdt: groups of the resctrl file system, which shares out cache and memory bandwidth
 * (config-linux.md#intelrdt, Documentation/filesystems/resctrl.rst). A group is a directory: of the
 * class of service closID, else of the container's own. */

/* ERROR_INVALID; ERROR_UNSUPPORTED where no resctrl is mounted. NULL is fine. */
int resctrl_check(const OciIntelRdt *config, Error *err);

/* In the runtime: makes what is missing and puts process pid there. *ret_made: the directory to
 * remove at the container's end, or NULL; also set when this fails half way. */
int resctrl_set_up(
    const OciIntelRdt *config, const char *id, pid_t pid, char **ret_made, Error *err);

/* For another process of a container that is set up. */
int resctrl_add(const OciIntelRdt *config, const char *id, pid_t pid, Error *err);

/* New schemas for the group of a container that is set up; NULL stays as it is. ERROR_UNSUPPORTED
 * where the processor has no such control, or the container no group. */
typedef struct ResctrlChange {
    const char *l3_cache, *bandwidth;
} ResctrlChange;
int resctrl_update(
    const OciIntelRdt *config, const char *id, const ResctrlChange *change, Error *err);

/* What `events` says about the group, in the reference runtime's JSON. New string; "{}" without
 * config. */
char *resctrl_statistics(const OciIntelRdt *config, const char *id);

/* path NULL: nothing to do. */
int resctrl_remove(const char *path, Error *err);

/* For tests: what the functions above do to the file system at root; NULL: there is none. */
int resctrl_update_at(const char *root, const OciIntelRdt *config, const char *id,
    const ResctrlChange *change, Error *err);
char *resctrl_statistics_at(const char *root, const OciIntelRdt *config, const char *id);
char *resctrl_find_root(void);
int resctrl_set_up_at(const char *root, const OciIntelRdt *config, const char *id, pid_t pid,
    char **ret_made, Error *err);
