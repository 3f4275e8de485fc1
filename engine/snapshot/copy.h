// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"

/* Copies of trees that nobody else changes, with owners, modes, times, extended attributes, holes
 * and hard links. Nothing is followed; both trees are entered by descriptors only. */
typedef struct CopyLink CopyLink;

typedef struct Copy {
    int root;        /* the tree that is written */
    Text path;       /* of the directory under way, in it */
    unsigned depth;  /* of that directory */
    bool no_clone;   /* the file system cannot share extents */
    CopyLink **link; /* files with several names, by inode: a table with chains */
    size_t links;
} Copy;
void copy_done(Copy *copy);
CLEANUP_DEFINE_DONE(Copy, copy_done)

enum {
    COPY_DEPTH_MAX = 256 /* each level costs two descriptors */
};

/* The empty directory `to` becomes a copy of `from`. */
int copy_tree(int from, int to, Error *err);

/* One entry into copy->path, which `to` is; `name` must be free there. A directory: with all that
 * is in it. */
int copy_entry(
    Copy *copy, int from, const char *name, const struct stat *status, int to, Error *err);

/* Into a subdirectory and back. */
int copy_enter(Copy *copy, const char *name, size_t *ret_length, Error *err);
void copy_leave(Copy *copy, size_t length);

/* Owner, mode, extended attributes and times: `name` in `to` gets those of `name` in `from` and no
 * others; overlayfs' own marks are left behind. */
int copy_attributes(int from, int to, const char *name, const struct stat *status, Error *err);
