// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/image.h"

/* Images go to a registry as they came: documents and layers byte for byte, and only what the
 * registry has not. */

/* Same values as tare.v1.PushProgress.Phase. */
typedef enum PushPhase {
    PUSH_REPOSITORY = 0,
    PUSH_PREPARING = 1,
    PUSH_WAITING = 2,
    PUSH_PUSHING = 3,
    PUSH_PUSHED = 4,
    PUSH_EXISTS = 5,
    PUSH_MOUNTED = 6,
    PUSH_PARTIAL = 7,
    PUSH_DONE = 8,
} PushPhase;

typedef struct PushProgress {
    PushPhase phase;
    const char *blob, *kind;   /* digest; "layer", "config", "manifest", "index" */
    int64_t current, total;    /* bytes; DONE: the manifest's */
    const char *repository;    /* REPOSITORY: "docker.io/library/busybox" */
    const char *from;          /* MOUNTED: the other repository; PARTIAL: the index */
    const char *tag;           /* DONE */
    const char *digest;        /* DONE, PARTIAL */
    const JsonTexts *warnings; /* DONE: the registry's; NULL: none */
} PushProgress;

/* One call at a time, from the push's threads. A negative result cancels the push. */
typedef int PushListener(void *user, const PushProgress *progress);

typedef struct ImagePush {
    const char *reference;                  /* as the user wrote it */
    bool all;                               /* tags of the repository */
    const char *platform;                   /* NULL or "": all that is here */
    const RegistryCredentials *credentials; /* NULL: anonymous */
    PushListener *listener;                 /* NULL: nobody */
    void *user;
} ImagePush;

/* ERROR_NOT_FOUND: no such tag. ERROR_DENIED: the registry's words. */
int image_push(Images *images, const ImagePush *push, Error *err);
