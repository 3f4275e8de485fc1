// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

/* manifest.json, which docker save writes beside the files that it names. Private to
 * engine/image. */
typedef struct SavedImage {
    char *config;
    JsonTexts tags, layers;
} SavedImage;
typedef struct SavedImages {
    JsonObjects images; /* SavedImage */
} SavedImages;

extern const JsonType saved_image_type;

int saved_images_decode(const Text *body, SavedImages *ret, Error *err);
char *saved_images_encode(const SavedImages *saved); /* new string */
void saved_images_done(SavedImages *saved);
CLEANUP_DEFINE_DONE(SavedImages, saved_images_done)
