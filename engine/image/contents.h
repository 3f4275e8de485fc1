// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/platform.h"
#include "engine/image/pull.h"
#include "engine/image/record.h"

/* The images in an unpacked archive: an OCI layout (index.json), else docker's (manifest.json).
 * platform: those for others are passed over; NULL: nobody asked, and where an archive has a choice
 * it is this machine's. Private to engine/image. ERROR_INVALID: no such archive; ERROR_NOT_FOUND:
 * all are for other platforms. */
int contents_load(Images *images, int tree, const Platform *platform, ImageLoaded *ret, Error *err);
