// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/cleanup.h"
#include "base/json.h"

/* The directories of a checkpoint: where criu's images are, and where it works (its log; the same
 * unless told otherwise). Both may come from somebody else (rule H, docs/security.md): a name that
 * criu or we use must be a regular file, or new, so that no link leads them elsewhere. */
typedef struct Images {
    int dir, work;
    char *log; /* path of criu's log, for messages */
} Images;

#define IMAGES_INIT                                                                                \
    { .dir = -1, .work = -1 }

/* work NULL: the images' own directory. make: they need not exist. log_name: "dump.log". */
typedef struct ImagesOptions {
    const char *path, *work_path, *log_name;
    bool make;
} ImagesOptions;
int images_open(Images *images, const ImagesOptions *options, Error *err);
void images_done(Images *images);
CLEANUP_DEFINE_DONE(Images, images_done)

/* A process that is restored in a user namespace reads images itself, first as a stranger, then as
 * the namespace's root; their directory is private. It gets them through an overlay that shows them
 * in the empty directory `door`, to be seen by nobody else. Not for writing. */
int images_share(Images *images, int door, Error *err);

/* An earlier dump that this one builds on: a directory, relative to the images. */
int images_check_parent(const Images *images, const char *parent, Error *err);

/* descriptors.json: what the first process had as its standard streams ("pipe:[12345]"), so that a
 * restore can put ours into their place. */
int images_save_descriptors(const Images *images, const JsonTexts *descriptors, Error *err);
int images_load_descriptors(const Images *images, JsonTexts *ret, Error *err);

/* The first error in criu's log that is not of the harmless kind; NULL: there is none. New string.
 */
char *images_find_error(const Images *images);

/* Logs, as warnings, the lines of criu's log that tell of errors. */
void images_quote_log(const Images *images);
