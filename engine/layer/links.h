// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Files with several names, by where they were first met. */
typedef struct Link {
    dev_t device;
    ino_t inode;
    char *path; /* NULL: a free slot */
} Link;

typedef struct Links {
    Link *slot;
    size_t slots, used; /* slots: 0 or a power of two */
    size_t remembered;  /* bytes */
} Links;

/* Where it was met before, borrowed; NULL: nowhere. */
const char *links_find(const Links *links, const struct stat *status);
int links_add(Links *links, const struct stat *status, const char *path, Error *err);
void links_done(Links *links);
CLEANUP_DEFINE_DONE(Links, links_done)
