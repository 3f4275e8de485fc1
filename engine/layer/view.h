// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"

/* One directory of a merged tree: the same path in each of the trees that have it, topmost first.
 * They merge as overlayfs does it (Documentation/filesystems/overlayfs.rst), but no mount is
 * needed, and nothing is followed. Somebody may be writing to the trees: what vanishes on the way
 * was never there. One tree that is no overlay layer is a view of one level. */
typedef struct ViewLevel {
    int fd;
    bool marks; /* whiteouts may be files with an attribute here */
} ViewLevel;

typedef struct View {
    ViewLevel *level;
    size_t n; /* 0: no such directory */
} View;

/* The descriptors are copied. */
int view_init(View *view, const int *trees, size_t n, Error *err);
void view_done(View *view);
CLEANUP_DEFINE_DONE(View, view_done)

/* Whether `upper` is one more level on top of `lower`. */
bool view_stands_on(const View *upper, const View *lower);

/* 1: there; 0: absent. *ret_dir is the borrowed directory that has it. */
int view_find(
    const View *view, const char *name, int *ret_dir, struct stat *ret_status, Error *err);

/* What the topmost level alone says. 1: there, 0: it says nothing, -1 with err->code 0: hidden by a
 * whiteout. */
typedef enum ViewSays {
    VIEW_NOTHING,
    VIEW_THERE,
    VIEW_HIDDEN,
} ViewSays;
int view_ask_top(
    const View *view, const char *name, ViewSays *ret, struct stat *ret_status, Error *err);

/* The directory `name`, merged; of the topmost level alone with top_only. *ret_opaque: a level
 * hides those below it (that is how top_only learns it). ERROR_UNSUPPORTED: overlayfs moved it by a
 * mark (redirect_dir). */
typedef struct ViewEnter {
    bool top_only;
    bool opaque; /* answer */
} ViewEnter;
int view_enter(const View *view, const char *name, ViewEnter *how, View *ret, Error *err);

/* Names that a level has, whiteouts too: each once, sorted by their bytes. Appends are the
 * caller's: two views make one list by view_names on both and then view_sort_names. */
int view_names(const View *view, JsonTexts *names, Error *err);
void view_sort_names(JsonTexts *names);
