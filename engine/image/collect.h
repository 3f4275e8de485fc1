// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/record.h"

/* Garbage is what no record reaches: blobs, layers, partial downloads. Private to engine/image.
 * removed_chains gets the chain ids of layers that went; may be NULL. */
int collect(Images *images, JsonTexts *removed_chains, Error *err);

/* At start: also leases that nobody came back to, and half-read archives. */
int collect_at_start(Images *images, Error *err);

#define COLLECT_IMPORTS "content/import" /* below ROOT: archives being read */
