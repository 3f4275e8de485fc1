// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/image.h"

/* Docker's GET /images/{name}/json as JSON text. New string. */
char *docker_image_inspect(const Image *image);
