// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "base/cleanup.h"
#include "base/json.h"

/* Who a process runs as: "user", "user:group", names or numbers, looked up in the /etc/passwd and
 * /etc/group of a root file system that nobody trusts (rule F). A word of digits is a number and
 * never a name; numbers end at 2³²−2. The two files are opened inside the root, must be regular and
 * at most 10 MiB; absent ones count as empty. */
typedef struct Identity {
    uint32_t uid, gid;
    JsonUints additional_gids; /* the primary group first, as Docker has it */
    char *home;                /* "/" when passwd has none */
} Identity;

/* root: descriptor of the tree. user NULL or "": root. ERROR_INVALID: "unable to find user x: no
 * matching entries in passwd file". */
int identity_find(int root, const char *user, Identity *ret, Error *err);
void identity_done(Identity *identity);
CLEANUP_DEFINE_DONE(Identity, identity_done)
