// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/error.h"

/* How one tree differs from another: what was added, modified and deleted, in an order that the
 * trees alone decide. Where the upper one is one more overlay layer on the lower one, only that
 * layer is read and all that is in it is a change; else the two are compared by metadata. One
 * thread. */
typedef enum ChangeKind {
    CHANGE_ADDED,
    CHANGE_MODIFIED,
    CHANGE_DELETED,
    CHANGE_HIDDEN, /* the directory stays, all that the lower tree had in it is deleted */
} ChangeKind;

typedef struct Change {
    ChangeKind kind;
    const char *path;          /* relative; "" is the root */
    int dir;                   /* has `name`; -1 for what is deleted or hidden */
    const char *name;          /* "." is the root */
    const struct stat *status; /* as it was a moment ago */
} Change;

typedef int ChangeTaker(void *user, const Change *change, Error *err);

typedef struct Changes {
    const int *upper, *lower; /* trees that are merged, topmost first (engine/layer/view.h) */
    size_t upper_n, lower_n;  /* lower_n 0: an empty tree */
    bool each_deleted;        /* no CHANGE_HIDDEN: everything by name */
    /* Paths that whoever mounted the tree made for itself: while they are empty they do not count,
     * and neither do directories because of them. */
    const char *const *left_out;
    size_t left_out_n;
    ChangeTaker *take;
    void *user;
} Changes;

enum {
    CHANGES_DEPTH_MAX = 256, /* as deep as layers are unpacked */
};

int changes_walk(const Changes *changes, Error *err);
