// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "oci/runtime.h"

/* The namespaces that a container makes or joins, decided from config.json by the runtime and
 * carried out partly by clone3(2), partly by the init process. */

enum {
    NAMESPACE_COUNT = 8
};

typedef struct NamespaceType {
    const char *name; /* config.json's word */
    const char *file; /* in /proc/PID/ns */
    int flag;
} NamespaceType;

/* In the order in which they can be joined: while we still have privileges in the old user
 * namespace those go first, mount last because it changes what paths mean. */
extern const NamespaceType namespace_types[NAMESPACE_COUNT];

typedef struct Namespaces {
    int create;                   /* CLONE_NEW*: to make */
    int join;                     /* CLONE_NEW*: to enter */
    int join_fd[NAMESPACE_COUNT]; /* by index in namespace_types; -1: none */
    int process_fd;               /* pidfd of who is in all of them; -1: enter them by join_fd */
} Namespaces;

void namespaces_clear(Namespaces *namespaces);

/* Opens the paths of namespaces to join; a path to our own namespace becomes "nothing to do".
 * ERROR_INVALID names the field. */
int namespaces_init(Namespaces *namespaces, const OciLinux *linux, Error *err);
void namespaces_done(Namespaces *namespaces);

/* Whether this path leads to the namespace that we ourselves are in: a container that "joins" it
 * has the host's. */
bool namespace_is_ours(const OciNamespace *wanted);

/* Enters all of join. */
int namespaces_enter(const Namespaces *namespaces, Error *err);

/* What is joined as this kind (CLONE_NEW*): borrowed, or -1. */
int namespaces_joined_fd(const Namespaces *namespaces, int flag);

/* For exec: the namespaces of process `pid` that differ from ours, as join. It must still be there
 * when they are entered. */
int namespaces_init_of_process(Namespaces *namespaces, pid_t pid, Error *err);

/* In init: a new time namespace with its offsets, entered. */
int namespaces_unshare_time(const OciLinux *linux, int procfs, Error *err);

/* In init: lo up in a new network namespace. */
int namespaces_loopback_up(Error *err);
