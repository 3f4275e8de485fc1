// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/record.h"

/* Images without their layers: those under another storage driver, or whose layers a power cut
 * took. image_unpack makes them again of what is here. Private to engine/image. */
bool unpack_is_possible(Images *images, const char *manifest_digest);
