// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"

/* The directory that a layer is unpacked into, entered only through descriptors: parents resolve
 * inside it whatever symlinks the layer has made, last components are never followed. Paths are
 * clean and relative; "" is the root. */
typedef struct Tree {
    int root;   /* borrowed */
    int parent; /* of the last tree_enter */
    char *parent_path;
    JsonTexts implicit; /* directories made because something is below them */
    JsonTexts opaque;
    size_t remembered; /* bytes in both lists */
} Tree;

/* What a layer can make this process remember. */
enum {
    TREE_REMEMBER_MAX = 64 << 20,
    TREE_DEPTH_MAX = 256
};

void tree_init(Tree *tree, int root);
void tree_done(Tree *tree);
CLEANUP_DEFINE_DONE(Tree, tree_done)

/* The parent directory of `path`, made as implied when missing; borrowed until the next call.
 * *ret_name points into path, behind the last slash. */
int tree_enter(Tree *tree, const char *path, int *ret_parent, const char **ret_name, Error *err);

/* Like tree_enter, but makes nothing. ERROR_NOT_FOUND. *ret_parent is the caller's. */
int tree_find(Tree *tree, const char *path, int *ret_parent, const char **ret_name, Error *err);

/* Removes what is there, a directory with all that is in it; absence is success. */
int tree_clear(int parent, const char *name, Error *err);

/* overlayfs' "not here": a character device 0:0 */
bool tree_is_whiteout(const struct stat *status);

int tree_remember(Tree *tree, JsonTexts *list, const char *path, Error *err);
