// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/image.h"

/* Docker's GET /images/{name}/json as JSON text. New string. trees: where its unpacked layers are,
 * the topmost first. */
char *docker_image_inspect(const Image *image, const JsonTexts *trees);
