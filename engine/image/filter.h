// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/image.h"

/* `images --filter` and `images NAME`: drops from a sorted list what does not match. Private to
 * engine/image. ERROR_INVALID: unknown filter. */
int filter_apply(const ImageFilter *filter, ImageList *list, Error *err);
