// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "oci/runtime.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/init/hook.h"
#include "runtime/namespace/namespace.h"
#include "runtime/rootfs/rootfs.h"
#include "runtime/security/capability.h"
#include "runtime/security/seccomp.h"

/* The process that becomes the user's program. The runtime fills this struct, clones, and the child
 * works through a table of steps; on a failure it sends the Error and ends. Everything is inherited
 * memory: no serialisation, no second exec. */
typedef struct Init {
    const OciSpec *spec;
    const OciProcess *process;
    const char *id;
    OciState state; /* for hooks that run here; members borrowed */
    const Namespaces *namespaces;
    Cgroup *cgroup;
    Rootfs *rootfs;   /* NULL: an exec, or no mount namespace of the container's own */
    const char *root; /* the rootfs on the host, to be entered where `rootfs` is NULL */
    const Seccomp *seccomp;
    Capabilities capabilities;
    int channel;        /* init's end of the message pair */
    int peer;           /* the runtime's end */
    int listener;       /* where `start` knocks; -1: MESSAGE_START comes over the channel */
    int console_socket; /* -1: none */
    HookOutput hook_output;
    unsigned preserve_fds;
    bool in_cgroup, in_namespaces; /* done by the intermediate process */
    bool cgroup_follows;           /* init is cloned before it, and receives it */
    bool hooks_before_pivot;       /* the runtime has hooks to run then */
    bool no_new_keyring;
    bool delegates_cgroup;    /* the runtime moves us to a cgroup below our namespace's root */
    bool says_ready;          /* the runtime waits for MESSAGE_READY before it says MESSAGE_START */
    bool terminal_is_relayed; /* by the runtime itself, to its own standard streams */
    bool is_exec;

    /* made along the way */
    int procfs, terminal;
    char *program;
    char **environment;
    bool directory_entered;
} Init;

/* Whether init waits for MESSAGE_MAPPED: for id mappings, or for network devices. */
bool init_waits_for_runtime(const Init *init);

/* Whether the runtime may make the container's cgroup while init makes its network. */
bool init_can_precede_cgroup(const Init *init);

/* Whether init asks the runtime for something before it is ready (message.h). */
bool init_may_ask(const Init *init);

/* Clones the process that runs the steps, through an intermediate process where the kernel wants
 * one: a pid namespace is entered only by children, a user namespace takes our privileges away.
 * Returns its pid, a child of ours. */
int init_clone(Init *init, Error *err);

/* Runs all steps; returns only by exit. */
_Noreturn void init_run(Init *init);
