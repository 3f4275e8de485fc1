// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/changes.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/path.h"
#include "base/text.h"
#include "engine/layer/compare.h"
#include "engine/layer/view.h"

/* A directory is told when it has changed itself, or just before the first change in it. */
typedef struct Place {
    struct Place *outer; /* NULL: the root */
    Change own;
    struct stat status;
    bool told;
    View upper, lower;
    bool top_only; /* upper is one layer on lower: what it has is a change */
    bool all;      /* nothing in upper is the lower tree's, however alike */
    size_t length; /* of the path */
    int depth;
} Place;

typedef struct Walk {
    const Changes *with;
    Text path;
} Walk;

static void walk_done(Walk *walk) {
    text_done(&walk->path);
}
CLEANUP_DEFINE_DONE(Walk, walk_done)

static void place_done(Place *place) {
    view_done(&place->upper);
    view_done(&place->lower);
}
CLEANUP_DEFINE_DONE(Place, place_done)

static void set_path(Walk *walk, const Place *in, const char *name) {
    walk->path.length = in->length;
    walk->path.data[in->length] = '\0';
    if (in->length > 0)
        text_append_char(&walk->path, '/');
    text_append(&walk->path, name);
}

static int tell_place(Walk *walk, Place *place, Error *err) {
    if (place->told)
        return 0;
    place->told = true;
    if (!place->outer)
        return 0; /* the root is not news because of what is in it */
    TRY(tell_place(walk, place->outer, err));
    autofree char *path = text_copy_n(walk->path.data, place->length);
    Change change = place->own;
    change.path = path;
    change.status = &place->status;
    return walk->with->take(walk->with->user, &change, err);
}

static int tell(Walk *walk, Place *in, const Change *change, Error *err) {
    TRY(tell_place(walk, in, err));
    return walk->with->take(walk->with->user, change, err);
}

static bool is_left_out(const Walk *walk) {
    for (size_t i = 0; i < walk->with->left_out_n; i++)
        if (text_equal(walk->with->left_out[i], walk->path.data))
            return true;
    return false;
}

/* The directory is, or is above, one of those paths. */
static bool leads_to_left_out(const Walk *walk) {
    for (size_t i = 0; i < walk->with->left_out_n; i++)
        if (path_is_within(walk->with->left_out[i], walk->path.data))
            return true;
    return false;
}

static int walk_place(Walk *walk, Place *place, Error *err);

/* What upper hides is told as a whole. */
static int tell_hidden(Walk *walk, const Place *place, Error *err) {
    autodone(JsonTexts) names = {};
    struct stat status;
    int dir, found = 0;
    TRY(view_names(&place->lower, &names, err));
    for (size_t i = 0; i < names.n && found == 0; i++)
        found = view_find(&place->lower, names.item[i], &dir, &status, err);
    TRY(found);
    autofree char *path = text_copy_n(walk->path.data, place->length);
    const Change change = {.kind = CHANGE_HIDDEN, .path = path, .dir = -1};
    return found ? walk->with->take(walk->with->user, &change, err) : 0;
}

static int replace_lower(Walk *walk, Place *place, Error *err) {
    TRY(tell_place(walk, place, err));
    if (walk->with->each_deleted) {
        place->top_only = false;
        place->all = true;
        return 0;
    }
    TRY(tell_hidden(walk, place, err));
    view_done(&place->lower);
    return 0;
}

/* Opens both sides. 0: it is gone. */
static int enter(const Place *in, const Change *own, const struct stat *lower, Place *ret,
    bool *ret_opaque, Error *err) {
    ViewEnter above = {.top_only = in->top_only}, below = {};
    TRY(view_enter(&in->upper, own->name, &above, &ret->upper, err));
    if (lower && S_ISDIR(lower->st_mode))
        TRY(view_enter(&in->lower, own->name, &below, &ret->lower, err));
    *ret_opaque = in->top_only && above.opaque;
    return ret->upper.n > 0;
}

static int walk_directory(
    Walk *walk, Place *in, const Change *own, const struct stat *lower, Error *err) {
    bool opaque, differs = true;
    autodone(Place) place = {.outer = in, .own = *own, .status = *own->status};
    place.top_only = in->top_only;
    place.all = in->all;
    place.length = walk->path.length;
    place.depth = in->depth + 1;
    if (place.depth > CHANGES_DEPTH_MAX || place.length >= PATH_MAX)
        return error_set(err, ERROR_EXHAUSTED, "'/%.80s…' is nested too deeply", walk->path.data);
    int there = enter(in, own, lower, &place, &opaque, err);
    if (there <= 0)
        return there;
    bool ours = leads_to_left_out(walk);
    if (place.lower.n > 0)
        TRY(compare_directories(&place.upper, &place.lower, !ours, &differs, err));
    else
        differs = lower || !ours;
    if (differs)
        TRY(tell_place(walk, &place, err));
    if (opaque && place.lower.n > 0)
        TRY(replace_lower(walk, &place, err));
    return walk_place(walk, &place, err);
}

static int walk_present(
    Walk *walk, Place *in, const Change *change, const struct stat *lower, int below, Error *err) {
    const struct stat *upper = change->status;
    if (S_ISDIR(upper->st_mode))
        return walk_directory(walk, in, change, lower, err);
    if (!lower && is_left_out(walk) && S_ISREG(upper->st_mode) && upper->st_size == 0)
        return 0;
    if (lower && !in->top_only && !in->all) {
        bool same;
        TRY(compare_entries(change, below, lower, &same, err));
        if (same)
            return 0;
    }
    return tell(walk, in, change, err);
}

static int walk_name(Walk *walk, Place *in, const char *name, Error *err) {
    struct stat upper, lower;
    int dir = -1, below = -1;
    bool there;
    if (in->top_only) {
        ViewSays says;
        TRY(view_ask_top(&in->upper, name, &says, &upper, err));
        if (says == VIEW_NOTHING)
            return 0; /* gone since it was listed */
        there = says == VIEW_THERE;
        dir = in->upper.level[0].fd;
    } else {
        int found = view_find(&in->upper, name, &dir, &upper, err);
        TRY(found);
        there = found;
    }
    int was_there = view_find(&in->lower, name, &below, &lower, err);
    TRY(was_there);
    if (!there && !was_there)
        return 0;
    const Change change = {
        .kind = !there      ? CHANGE_DELETED
                : was_there ? CHANGE_MODIFIED
                            : CHANGE_ADDED,
        .path = walk->path.data,
        .dir = there ? dir : -1,
        .name = name,
        .status = there ? &upper : NULL,
    };
    return there ? walk_present(walk, in, &change, was_there ? &lower : NULL, below, err)
                 : tell(walk, in, &change, err);
}

static int walk_place(Walk *walk, Place *place, Error *err) {
    autodone(JsonTexts) names = {};
    TRY(view_names(&place->upper, &names, err));
    if (!place->top_only)
        TRY(view_names(&place->lower, &names, err));
    view_sort_names(&names);
    for (size_t i = 0; i < names.n; i++) {
        set_path(walk, place, names.item[i]);
        TRY(walk_name(walk, place, names.item[i], err));
    }
    return 0;
}

/* The root is there on both sides, or made as every root is. */
static int tell_root(const Walk *walk, const Place *root, Error *err) {
    struct stat upper, lower = {.st_mode = S_IFDIR | 0755};
    const View *below = &root->lower;
    if (fstat(root->upper.level[0].fd, &upper) < 0 ||
        (below->n > 0 && fstat(below->level[0].fd, &lower) < 0))
        return error_set_errno(err, errno, "cannot read a layer's root directory");
    if (upper.st_mode == lower.st_mode && upper.st_uid == lower.st_uid &&
        upper.st_gid == lower.st_gid)
        return 0;
    const Change change = {.kind = CHANGE_MODIFIED,
        .path = "",
        .dir = root->upper.level[0].fd,
        .name = ".",
        .status = &upper};
    return walk->with->take(walk->with->user, &change, err);
}

static int open_root(const Changes *changes, Place *root, Error *err) {
    *root = (Place){.own = {.kind = CHANGE_MODIFIED}};
    TRY(view_init(&root->upper, changes->upper, changes->upper_n, err));
    TRY(view_init(&root->lower, changes->lower, changes->lower_n, err));
    if (!view_stands_on(&root->upper, &root->lower))
        return 0;
    root->top_only = true;
    view_done(&root->upper);
    return view_init(&root->upper, changes->upper, 1, err);
}

int changes_walk(const Changes *changes, Error *err) {
    autodone(Walk) walk = {.with = changes};
    autodone(Place) root = {};
    text_append(&walk.path, "");
    TRY(open_root(changes, &root, err));
    TRY(tell_root(&walk, &root, err));
    return walk_place(&walk, &root, err);
}
