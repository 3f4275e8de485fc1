// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/image.h"

/* Images as one tar that docker, podman, skopeo and ctr read: an OCI layout, and docker's
 * manifest.json beside it. Blobs are in it byte for byte as they came. */

typedef struct ImageSave {
    char *const *names; /* as users write them; one without a tag means all tags */
    size_t n;
    const char *platform; /* of an image for several; NULL or "": all that is here */
    ImageWriter *writer;
    void *user;
} ImageSave;

/* Nothing is written before all names are known. ERROR_NOT_FOUND. */
int image_save(Images *images, const ImageSave *save, Error *err);

/* What is in an archive, and what it is called there. */
typedef struct ArchiveImage {
    char target[DIGEST_TEXT_SIZE];   /* a manifest, or an index */
    char manifest[DIGEST_TEXT_SIZE]; /* of those below it, docker's list names this one; "": the
                                      * one for the platform, if there is one */
    JsonTexts names;                 /* canonical; none: only the id tells it */
    JsonMap annotations;             /* of its rows, besides its name */
} ArchiveImage;

/* What of an index's images is written. */
typedef enum ArchiveChoice {
    ARCHIVE_WHOLE,
    ARCHIVE_WHAT_IS_HERE,
    ARCHIVE_PLATFORMS, /* those that are named; without any this machine's */
} ArchiveChoice;

typedef struct Archive {
    Content *content;
    ArchiveImage *image;
    size_t n;
    const char *platform; /* whose manifest docker's list names; NULL: this machine's */
    ArchiveChoice choice;
    const JsonTexts *platforms; /* NULL: none */
    bool plain;                 /* no manifest.json of docker's */
    ImageWriter *writer;
    void *user;
} Archive;

int archive_write(const Archive *archive, Error *err);
