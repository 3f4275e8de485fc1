// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/image.h"

/* How much the unpacked layers of images take, each counted once, and how much of an image other
 * images stand on, too. As recorded when the layers were unpacked: nothing is walked. */
typedef struct ImageUsage {
    uint64_t total;
    uint64_t *shared; /* by the list's index */
} ImageUsage;

/* Bytes of the image's manifest, config and layers as blobs; those that others have, too, among
 * them. */
uint64_t image_content_size(Images *images, const Image *image);

void image_usage(Images *images, const ImageList *list, ImageUsage *ret);
void image_usage_done(ImageUsage *usage);
CLEANUP_DEFINE_DONE(ImageUsage, image_usage_done)
