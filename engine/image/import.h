// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/pull.h"

/* A tar of a file system becomes an image of one layer. */
typedef struct ImageFromTar {
    const char *name; /* a reference; NULL or "": none */
    const char *comment, *source, *platform;
    const char *const *changes; /* instructions of a Dockerfile (engine/image/instruction.h) */
    size_t changes_n;
    ImageSource tar;
} ImageFromTar;

int image_from_tar(Images *images, const ImageFromTar *from, char **ret_id, Error *err);
