// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "engine/image/image.h"

/* Bringing images in: from a registry, or from an archive that a client streams. */

/* Same values as tare.v1.PullProgress.Phase. */
typedef enum ImagePhase {
    IMAGE_RESOLVED = 0,
    IMAGE_WAITING = 1,
    IMAGE_DOWNLOADING = 2,
    IMAGE_VERIFYING = 3,
    IMAGE_DOWNLOADED = 4,
    IMAGE_EXTRACTING = 5,
    IMAGE_COMPLETE = 6,
    IMAGE_LAYER_EXISTS = 7,
    IMAGE_DONE = 8,
} ImagePhase;

typedef struct ImageProgress {
    ImagePhase phase;
    char layer[13];            /* 12 hex digits of the layer's digest; "" for the image */
    int64_t current, total;    /* bytes */
    const char *reference;     /* RESOLVED, DONE: canonical, "docker.io/library/busybox:latest" */
    const char *tag, *path;    /* RESOLVED: "latest" or "sha256:…"; "library/busybox" */
    const char *familiar;      /* RESOLVED, DONE: "busybox:latest" */
    const char *digest;        /* DONE */
    bool newer;                /* DONE */
    const JsonTexts *warnings; /* DONE: the registry's; NULL: none */
} ImageProgress;

/* One call at a time per pull, from the pull's threads. A negative result cancels the pull. */
typedef int ImageListener(void *user, const ImageProgress *progress);

typedef struct ImagePull {
    const char *reference;                  /* as the user wrote it */
    const char *platform;                   /* "linux/arm64/v8"; NULL or "" = this machine's */
    const RegistryCredentials *credentials; /* NULL: anonymous */
    ImageListener *listener;                /* NULL: nobody */
    void *user;
} ImagePull;

/* All tags of the repository, one after another. ERROR_INVALID: the reference has a tag. */
int image_pull_all(Images *images, const ImagePull *pull, Error *err);

/* *ret_id is the image's id; the caller's. */
int image_pull(Images *images, const ImagePull *pull, char **ret_id, Error *err);

/* The next piece of an archive; 0 = end. Negative = give up, err filled. */
typedef ssize_t ImageReader(void *user, void *buffer, size_t size, Error *err);

/* The same from the other side: all of it goes to `write`, whose failure ends it. */
typedef int ImageSender(void *user, ImageWriter *write, void *to, Error *err);

typedef struct ImageSource {
    ImageReader *read; /* or: */
    ImageSender *send;
    void *user;
} ImageSource;

typedef struct ImageLoaded {
    JsonTexts references; /* familiar */
    JsonTexts ids;        /* images without a name */
} ImageLoaded;

/* An OCI layout or docker-archive as tar, plain, gzip, xz, zstd or bzip2. platform: as for a pull.
 */
int image_import(Images *images, const char *platform, ImageReader *reader, void *user,
    ImageLoaded *ret, Error *err);
void image_loaded_done(ImageLoaded *loaded);
CLEANUP_DEFINE_DONE(ImageLoaded, image_loaded_done)
