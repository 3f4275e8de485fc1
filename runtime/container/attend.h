// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "oci/runtime.h"
#include "runtime/cgroup/subgroup.h"
#include "runtime/rootfs/rootfs.h"

/* The runtime's side of message.h while a process gets ready: we do for it what it cannot do from
 * where it is. */
typedef struct Attendance {
    int channel;
    pid_t pid; /* as we see it */
    const OciSpec *spec;
    const OciProcess *process;
    OciState state;                     /* for hooks and the seccomp agent; members borrowed */
    Rootfs *rootfs;                     /* for MESSAGE_MAP_IDS; NULL: none */
    const CgroupDelegation *delegation; /* for MESSAGE_DELEGATE; NULL: none */
    int agent_socket; /* connected to linux.seccomp.listenerPath; -1: we connect when it is time */
} Attendance;

/* Until MESSAGE_READY. */
int attend_until_ready(const Attendance *attendance, Error *err);

/* MESSAGE_START, then until the program runs. */
int attend_start(const Attendance *attendance, Error *err);

/* The latter alone. */
int attend_until_end(const Attendance *attendance, Error *err);
