// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/platform.h"
#include "engine/image/pull.h"
#include "engine/image/record.h"

/* The images in an unpacked archive: an OCI layout (index.json), else docker's (manifest.json).
 * Private to engine/image. ERROR_INVALID: neither. */
int contents_load(Images *images, int tree, const Platform *platform, ImageLoaded *ret, Error *err);
