// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "oci/runtime_resources.h"
#include "runtime/cgroup/hierarchy.h"

/* The cgroup of a container: one directory in each hierarchy that is mounted. On cgroup v2 that is
 * one, on v1 one for each set of controllers, on hybrid hosts both. */
typedef struct CgroupDirectory {
    char *controllers; /* "cpu,cpuacct", "name=systemd"; "" is the unified (v2) hierarchy */
    char *mount;       /* where the hierarchy is mounted; NULL when loaded from a state file */
    char *path;        /* the directory, absolute */
    int fd;            /* the directory, once it is set up; else -1 */
    int tasks_fd;      /* v1: where init writes itself; else -1 */
    bool selected;     /* by `exec --cgroup` */
} CgroupDirectory;

typedef struct Cgroup {
    CgroupDirectory *item;
    size_t n;
    Hierarchies hierarchies; /* what cgroup_locate has found */
    bool v2;                 /* the unified hierarchy has the controllers */
    bool rootless;           /* we may not be allowed to make cgroups */
    bool optional;           /* rootless, and no path was asked for: then it goes without */

    int first_pid; /* for exec: of the container's first process; else 0 */

    /* with systemd as the manager */
    char *unit, *slice; /* "libpod-1234.scope", "machine.slice"; NULL: we are the manager */
    bool user;          /* a unit of the user's systemd */
    const JsonMap *annotations;
    int keeper, keeper_socket; /* a process that holds the new unit; 0: none */
} Cgroup;

typedef struct CgroupRequest {
    const char *path; /* linux.cgroupsPath, or NULL */
    const char *id;
    bool rootless, systemd, none;
    const JsonMap *annotations; /* outlive the cgroup */
} CgroupRequest;

/* Whether we are root of the machine in name only, or not at all. */
bool cgroup_is_rootless(void);

/* Finds the hierarchies and decides the paths; touches nothing. An absolute path starts at a
 * hierarchy's root, a relative one at our own cgroup; NULL is the relative path `id`. */
int cgroup_locate(Cgroup *cgroup, const CgroupRequest *request, Error *err);

/* The same for a new container: a cgroup that others live in, or that is frozen, is refused:
 * ERROR_STATE. With request->none there are no directories: the container stays where its maker
 * is, and only its devices may be said to be limited. */
int cgroup_plan(Cgroup *cgroup, const CgroupRequest *request, Error *err);

/* The directory of a path inside a hierarchy, as cgroup_plan computes it: `own` is our own cgroup
 * there and `root` the part of it that the mount shows. New string. */
char *cgroup_path_inside(
    const char *cgroups_path, const char *id, const char *own, const char *root, bool beside_own);

/* From and to the map controllers → path of a state file. */
void cgroup_load(Cgroup *cgroup, const JsonMap *paths);
void cgroup_save(const Cgroup *cgroup, JsonMap *ret_paths);

/* Makes the directories, or lets systemd make them, and writes the limits; without resources there
 * are still the devices. */
int cgroup_set_up(Cgroup *cgroup, const OciResources *resources, Error *err);

/* Whether init can be cloned when only the unified directory is there, which clone3 goes into: the
 * others are v1's, all will be made, and it enters them by descriptors that are sent. */
bool cgroup_can_follow(const Cgroup *cgroup);
int cgroup_set_up_unified(Cgroup *cgroup, const OciResources *resources, Error *err);

/* Writes the limits again (all but the devices) of a cgroup that exists. */
int cgroup_update(Cgroup *cgroup, const OciResources *resources, Error *err);

/* v2: gives the cgroup to a user of the host, who may then make others below it. */
int cgroup_delegate(const Cgroup *cgroup, unsigned uid, Error *err);

/* Forgets the hierarchies that the container goes without. */
void cgroup_drop_unmade(Cgroup *cgroup);

/* Once the container's process is inside: a unit's cgroup needs nobody else any more. */
void cgroup_release(Cgroup *cgroup);

/* Puts another process into all of the directories. */
int cgroup_add(const Cgroup *cgroup, int pid, Error *err);

/* Removes the directories with whatever is below; absence is success. ERROR_STATE while processes
 * remain. */
int cgroup_remove(const Cgroup *cgroup, Error *err);

/* The pids of all processes inside, at any depth; the caller frees ret->item. */
int cgroup_members(const Cgroup *cgroup, JsonUints *ret, Error *err);

/* SIGKILL (or another signal) to every process inside. */
int cgroup_kill(const Cgroup *cgroup, int signal, Error *err);
bool cgroup_is_empty(const Cgroup *cgroup);
bool cgroup_is_frozen(const Cgroup *cgroup);

/* Returns when all have stopped. */
int cgroup_freeze(const Cgroup *cgroup, bool on, Error *err);

/* Only the descriptors. */
void cgroup_close(Cgroup *cgroup);
void cgroup_done(Cgroup *cgroup);
CLEANUP_DEFINE_DONE(Cgroup, cgroup_done)

/* The directory that serves `controller` ("" for unified), or NULL. */
const CgroupDirectory *cgroup_find(const Cgroup *cgroup, const char *controller);
