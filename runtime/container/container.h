// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/cleanup.h"
#include "oci/runtime.h"
#include "runtime/cgroup/cgroup.h"

/* A container as the runtime remembers it: the directory ROOT/ID with
 *     state.json    this record; written whole, by rename
 *     config.json   the configuration it was made from
 *     start.sock    while it is created: `start` knocks here
 * A process is known by its pid together with its start time, so that a pid used anew is never
 * taken for it. */
typedef struct ContainerRecord {
    char *oci_version, *id, *bundle, *rootfs, *created;
    JsonInt pid; /* of the init process; 0 until there is one */
    JsonUint start_time;
    JsonMap annotations, cgroup_paths;
    JsonBool own_pid_namespace;
    char *systemd_unit; /* that is the cgroup; of the user's systemd, or the machine's */
    JsonBool systemd_user;
    /* what the program was given as 0, 1 and 2, as /proc/PID/fd shows it: "pipe:[12345]"; only
     * pipes, else "". A checkpoint takes them along */
    JsonTexts descriptors;
    char *resctrl; /* the directory to remove in the end, or NULL */
} ContainerRecord;

extern const JsonType container_record_type;

typedef struct Container {
    char *id, *root;
    int dir; /* ROOT/ID */
    ContainerRecord record;
} Container;

typedef enum ContainerStatus {
    CONTAINER_CREATING,
    CONTAINER_CREATED,
    CONTAINER_RUNNING,
    CONTAINER_PAUSED,
    CONTAINER_STOPPED,
    CONTAINER_STATUS_COUNT,
} ContainerStatus;

#define CONTAINER_START_SOCKET "start.sock"

/* New directory with a first record. ERROR_EXISTS. */
int container_make(Container *container, const char *root, const char *id, Error *err);

/* ERROR_NOT_FOUND: no such container. A directory without a record that can be read (its maker
 * died, the file is cut off) is ERROR_CORRUPT, with id, root and dir set. */
int container_load(Container *container, const char *root, const char *id, Error *err);

/* For `delete`, after ERROR_CORRUPT: fills the record with what is left, of state.json up to where
 * it breaks off, and of the cgroups that config.json names. Without such a name the cgroup is
 * guessed from our own: then it counts if the container's process lives there, or nobody. */
void container_salvage(Container *container);

/* Fills the record of a container that is being made by this process, whose standard streams its
 * program gets. */
typedef struct ContainerOrigin {
    const OciSpec *spec;
    const char *bundle; /* absolute */
    const Cgroup *cgroup;
    bool own_pid_namespace;
} ContainerOrigin;
void container_describe(Container *container, const ContainerOrigin *origin);

int container_save(Container *container, Error *err);
int container_load_config(const Container *container, OciSpec *ret, Error *err);
void container_load_cgroup(const Container *container, Cgroup *ret);
char *container_path(const Container *container, const char *name);
ContainerStatus container_status(const Container *container);
const char *container_status_name(ContainerStatus status);
bool container_is_alive(const Container *container);

/* What hooks and `state` see; borrowed from the container. */
OciState container_state(const Container *container, ContainerStatus status, int pid);

/* Removes the directory. */
int container_forget(Container *container, Error *err);
void container_done(Container *container);
CLEANUP_DEFINE_DONE(Container, container_done)
